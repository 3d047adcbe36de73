"""Pretrained weights: had from a hub, or a clear way round it; and what they have seen."""

import hashlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save

from mixscope import i18n
from mixscope.errors import DataError
from mixscope.study.config import Model
from mixscope.training import models, pretraining_data, weights

RESNET = {"channels": [8, 8, 16, 16]}
TAG = "resnet18.a1_in1k"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub of our own on this machine, an empty cache, and `hub.files`: what it has, by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            self.answer()

        def answer(self):
            server.asked[self.command, self.path] += 1
            content = server.files.get(self.path)
            missing = server.status or (404 if content is None else 0)
            self.send_response(missing or 200)
            if missing == 404:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0" if missing else str(len(content)))
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{hashlib.sha256(content or b"").hexdigest()}"')
            self.end_headers()
            if self.command == "GET" and not missing:
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.asked, server.status = {}, Counter(), 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    constants = huggingface_hub.constants
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def published():
    source = timm.create_model("resnet18", num_classes=1000, **RESNET)
    return save(source.state_dict()), source.state_dict()


def build(pretrained, arch="resnet18"):
    model = Model(arch=arch, kwargs=RESNET, pretrained=pretrained)
    return models.build(model, n_classes=10, image_size=32, seed=0)


@pytest.mark.parametrize(
    "wish", [("resnet18", True), (TAG, True), ("resnet18", "a1_in1k"), ("resnet18", TAG)]
)
def test_weights_come_from_the_hub_and_are_recorded(hub, wish):
    arch, pretrained = wish
    content, values = published()
    hub.files[f"/timm/{TAG}/resolve/main/model.safetensors"] = content
    built = build(pretrained, arch)
    assert torch.equal(built.module.layer4[0].conv1.weight, values["layer4.0.conv1.weight"])
    assert built.provenance == {
        "weights": TAG,
        "declared": False,
        "file": "model.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": "apache-2.0",
        "origin": timm.get_pretrained_cfg(TAG).url,
        "training_data": "ImageNet-1k",
        "augmentation": "MixUp 0.2 and CutMix 1.0, RandAugment, recipe A1",
        "saw_mixup": True,
        "saw_cutmix": True,
        "source": "Wightman et al., arXiv 2110.00476, table 2",
    }


def test_weights_that_were_had_once_need_no_network(hub, monkeypatch):
    hub.files[f"/timm/{TAG}/resolve/main/model.safetensors"] = published()[0]
    first = build(TAG)
    hub.asked.clear()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert build(TAG).provenance == first.provenance
    assert not hub.asked


def test_the_older_format_of_a_hub_is_taken_where_there_is_no_other(hub, tmp_path):
    source = timm.create_model("resnet18", num_classes=1000, **RESNET)
    torch.save(source.state_dict(), tmp_path / "w.bin")
    hub.files[f"/timm/{TAG}/resolve/main/pytorch_model.bin"] = (tmp_path / "w.bin").read_bytes()
    built = build(TAG)
    assert built.provenance["file"] == "pytorch_model.bin"
    assert torch.equal(built.module.bn1.weight, source.bn1.weight)


def test_a_hub_that_does_not_answer_is_asked_once_and_the_local_way_is_named(hub):
    hub.status = 503
    with pytest.raises(DataError, match=f"{TAG} cannot be had .* model.arch={TAG} model.pretrained=PATH"):
        build(TAG)
    assert hub.asked.total() == 1


def test_without_a_network_the_local_way_is_named_at_once(hub, monkeypatch):
    hub.files[f"/timm/{TAG}/resolve/main/model.safetensors"] = published()[0]
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"resolve/main/model\.safetensors .* model\.pretrained=PATH"):
        build(True)
    assert not hub.asked


def test_weights_that_are_on_no_hub_name_their_address():
    with pytest.raises(DataError, match=r"not on the hub; download https://\S+gcvit_xxtiny\S+\.pth"):
        models.build(Model(arch="gcvit_xxtiny", pretrained=True), n_classes=10, image_size=224, seed=0)


# --- what they have seen ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mixup", "cutmix", "data"),
    [
        ("resnet50.a1_in1k", True, True, "ImageNet-1k"),
        ("resnet50.tv_in1k", False, False, "ImageNet-1k"),
        ("resnet50.tv2_in1k", True, True, "ImageNet-1k"),
        ("vit_small_patch16_224.augreg_in21k_ft_in1k", False, False, "ImageNet-21k, then ImageNet-1k"),
        ("vit_base_patch16_224.augreg_in21k_ft_in1k", True, False, "ImageNet-21k, then ImageNet-1k"),
        ("vit_small_patch16_224.augreg_in21k", False, False, "ImageNet-21k"),
        ("vit_small_patch16_224.augreg_in1k", True, False, "ImageNet-1k"),
        ("convnext_atto.d2_in1k", None, None, "ImageNet-1k"),
        ("", None, None, "unknown"),
    ],
)
def test_what_weights_have_seen_is_known_by_their_tag(name, mixup, cutmix, data):
    facts = weights.known(name)
    assert (facts["saw_mixup"], facts["saw_cutmix"], facts["training_data"]) == (mixup, cutmix, data)
    assert (facts["source"] is None) == (mixup is None)


def test_every_pattern_names_weights_that_exist():
    for pattern in weights.KNOWN:
        assert timm.list_pretrained(pattern), pattern


def warned(name, data):
    found = pretraining_data.remarks({"weights": name, **weights.known(name)}, data)
    return [i18n.render(finding) for finding in found]


def test_weights_that_saw_the_method_or_the_classes_are_spoken_of():
    first, second = warned("resnet50.a1_in1k", "cifar100")
    assert "trained with MixUp (Wightman" in first
    assert "trained with CutMix (Wightman" in second
    assert warned("vit_small_patch16_224.augreg_in21k_ft_in1k", "cifar100") == []
    (classes,) = warned("vit_small_patch16_224.augreg_in21k_ft_in1k", "tiny-imagenet")
    assert "the classes of tiny-imagenet are among those" in classes
    assert pretraining_data.remarks({"weights": "scratch"}, "tiny-imagenet") == []


def test_what_is_not_known_is_reported():
    unknown = {"weights": "w.pth", **weights.known("")}
    assert len(pretraining_data.remarks(unknown, "cifar100")) == 2
    found = pretraining_data.remarks(unknown, "tiny-imagenet")
    assert len(found) == 3 and all(finding.code.endswith("-unknown") for finding in found)
