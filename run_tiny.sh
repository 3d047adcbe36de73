#!/usr/bin/env bash
# Every experiment on tiny-imagenet: both models, three arms, scratch and pretrained, as many at once as the machine bears.
# More arguments go to `mixscope study run`, for instance: bash run_tiny.sh --slots 4 --only pretrained=scratch
# No tmux is needed: nohup bash run_tiny.sh > tiny.log &   then   mixscope study status resnet-vs-vit --watch
# Killed anywhere, the same command goes on. A study has one scheduler: run_cifar.sh after this one, not beside it.
# Another study: STUDY=docs/studies/smoke.yaml bash run_tiny.sh
set -euo pipefail
cd "$(dirname "$0")"
mixscope=mixscope
[ -x .venv/bin/mixscope ] && mixscope=.venv/bin/mixscope
"$mixscope" data prepare tiny-imagenet
exec "$mixscope" study run "${STUDY:-resnet-vs-vit}" --only data=tiny-imagenet --slots auto "$@"
