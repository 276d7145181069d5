"""The two real servers of the stack: finding their binaries, preparing their data, starting and
probing them. Nothing here runs a server: whoever reads ``everup.yaml`` does."""
