"""The docker runtime: containers on one engine, reached through its API."""
