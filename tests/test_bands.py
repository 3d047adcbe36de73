"""The literature's bands: which apply, and what lies inside."""

import pytest

from mixscope.claims import bands


@pytest.mark.parametrize("band", bands.BANDS, ids=str)
def test_every_band_is_a_range_of_percentages(band):
    assert 1 < (band.low or 2) < band.high <= 100
    assert band.holds(band.high) and not band.holds(band.high + 0.01)
    assert band.low is None or (band.holds(band.low) and not band.holds(band.low - 0.01))


def test_what_is_not_known_excludes_nothing():
    assert len(bands.of(data="cifar100", family="resnet50")) == 4
    assert {b.low for b in bands.of(data="cifar100", family="resnet50", mixing="none")} == {76, None}
    assert [b.low for b in bands.of(data="cifar100", family="resnet50", mixing="cutmix", stem="small")] == [
        79
    ]
    assert bands.of(data="cifar100", family="resnet18") == ()
