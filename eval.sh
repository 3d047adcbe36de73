#!/usr/bin/env bash
# Every trained model of the study evaluated again, in one go, and the overall table: tables/overall.{md,csv,json}.
# More arguments go to `mixscope study eval`, for instance: bash eval.sh --only data=cifar100 --json
# Another study or folder of runs: STUDY=runs/mine bash eval.sh
set -euo pipefail
cd "$(dirname "$0")"
mixscope=mixscope
[ -x .venv/bin/mixscope ] && mixscope=.venv/bin/mixscope
exec "$mixscope" study eval "${STUDY:-resnet-vs-vit}" "$@"
