"""Failures on real processes, foretold or not; see `__main__`.

cases ─▶ stage (stack, disks, Everup) ─▶ driver (faults, users, what is foretold) ─▶ rounds
                                                    peers, figures ◀── samples, truth
"""
