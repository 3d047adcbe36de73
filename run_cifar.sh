#!/usr/bin/env bash
# Every experiment on cifar100: both models, three arms, scratch and pretrained, as many at once as the machine bears.
# More arguments go to `mixscope study run`, for instance: bash run_cifar.sh --slots 4 --only pretrained=scratch
# No tmux is needed: nohup bash run_cifar.sh > cifar.log &   then   mixscope study status resnet-vs-vit --watch
# Killed anywhere, the same command goes on. A study has one scheduler: run_tiny.sh after this one, not beside it.
# Another study: STUDY=docs/studies/smoke.yaml bash run_cifar.sh
set -euo pipefail
cd "$(dirname "$0")"
mixscope=mixscope
[ -x .venv/bin/mixscope ] && mixscope=.venv/bin/mixscope
"$mixscope" data prepare cifar100
exec "$mixscope" study run "${STUDY:-resnet-vs-vit}" --only data=cifar100 --slots auto "$@"
