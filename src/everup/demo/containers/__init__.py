"""The demo over containers: a small Compose project of its own, and what only containers can show.

`service` is what runs inside of the containers and knows nothing of the rest; `project` makes
image and project with the docker command; `lab` puts an Everup over it; `chapters` are those that
the demo of processes does not have. Called by `demo.main`.
"""
