#!/usr/bin/env bash
# A change of variables, too, puts the application in its place anew, from the bundle, and runs
# these hooks instead of the others: without this one every page would miss its files.
set -euo pipefail

exec bash .platform/hooks/predeploy/10_collectstatic.sh
