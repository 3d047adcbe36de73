#!/usr/bin/env bash
# Every experiment on cifar100: both models, three arms, scratch and pretrained, two runs at a time.
# More arguments go to `mixscope study run`, for instance: bash run_cifar.sh --slots 4 --only pretrained=scratch
set -euo pipefail
cd "$(dirname "$0")"
mixscope=mixscope
[ -x .venv/bin/mixscope ] && mixscope=.venv/bin/mixscope
"$mixscope" data prepare cifar100
"$mixscope" study run resnet-vs-vit --only data=cifar100 --slots 2 "$@"
