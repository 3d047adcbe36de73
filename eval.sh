#!/usr/bin/env bash
# Every trained model of the study evaluated again, in one go, and the overall table: tables/overall.{md,csv,json}.
# More arguments go to `mixscope study eval`, for instance: ./eval.sh --only data=cifar100 --json
# Another study or folder of runs: STUDY=runs/mine ./eval.sh
set -euo pipefail
cd "$(dirname "$0")"
mixscope=.venv/bin/mixscope  # where `make` installs it; `pip install -r requirements.txt` puts it on PATH
[ -x "$mixscope" ] || mixscope=$(command -v mixscope) || {
  echo 'error: mixscope is not installed: run `pip install -r requirements.txt`, or `make quickstart`' >&2
  exit 127
}
exec "$mixscope" study eval "${STUDY:-resnet-vs-vit}" "$@"
