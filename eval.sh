#!/usr/bin/env bash
# The result table of every trained model of the study.
# More arguments go to `mixscope study table`, for instance: bash eval.sh --only data=cifar100 --json
set -euo pipefail
cd "$(dirname "$0")"
mixscope=mixscope
[ -x .venv/bin/mixscope ] && mixscope=.venv/bin/mixscope
"$mixscope" study table resnet-vs-vit "$@"
