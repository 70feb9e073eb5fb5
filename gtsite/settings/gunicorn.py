"""How gunicorn serves the site behind nginx: every option that is not its default, and why."""

import os
from pathlib import Path

from gtsite.logs import json_logging

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system, and gunicorn makes the name

# nginx on the same machine is the only one who asks, at Elastic Beanstalk's port.
bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"

# Requests wait for DynamoDB far longer than they compute: threads, two processes for two cores.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8

# nginx opens a connection for each request. A caller who keeps one must not find it closed before
# he does: the load balancer gives up after 55 s (.ebextensions), nginx after 60.
keepalive = 65

# A stop waits for the longest answer there is, an experiment of the lab: 50 s, and what it cleans
# up. systemd kills after 90.
graceful_timeout = 75
timeout = 30

# A slow leak never becomes an outage, and not every worker starts again at once.
max_requests = 2000
max_requests_jitter = 200

# A worker's sign of life is a file; on a disk that is busy it would come late.
worker_tmp_dir = str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None

# Else every start makes a folder in the home of a user who has none.
control_socket_disable = True

logconfig_dict = json_logging(os.environ.get("AWS_REGION", ""))
