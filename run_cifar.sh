#!/usr/bin/env bash
# Every experiment on cifar100: both models, three augmentations, scratch and pretrained, in parallel where that is faster.
# More arguments go to `mixscope study run`: ./run_cifar.sh --dry-run says what it takes on this machine and starts nothing,
# ./run_cifar.sh --slots 4 --only pretrained=scratch runs a part of it.
# No tmux is needed: nohup ./run_cifar.sh > cifar.log &   then   mixscope study status resnet-vs-vit --watch
# Killed anywhere, the same command goes on. A study has one scheduler: run_tiny.sh after this one, not beside it.
# Another study: STUDY=docs/studies/smoke.yaml ./run_cifar.sh
set -euo pipefail
cd "$(dirname "$0")"
mixscope=.venv/bin/mixscope  # where `make` installs it; `pip install -r requirements.txt` puts it on PATH
[ -x "$mixscope" ] || mixscope=$(command -v mixscope) || {
  echo 'error: mixscope is not installed: run `pip install -r requirements.txt`, or `make quickstart`' >&2
  exit 127
}
case " $* " in
  *" --dry-run "*) ;;
  *) "$mixscope" data prepare cifar100 ;;
esac
exec "$mixscope" study run "${STUDY:-resnet-vs-vit}" --only data=cifar100 --slots auto "$@"
