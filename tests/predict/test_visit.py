"""One visit through every step: what a second tracer shows beyond the first one's field of view is not invented."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from netlesion.errors import ConfigError, InferenceError
from netlesion.image.geometry import Geometry
from netlesion.image.transform import DisplacementField, RigidTransform
from netlesion.image.visit import Scan, Tracer, Visit
from netlesion.image.volume import Quantity, Volume
from netlesion.inference.average import averaged
from netlesion.inference.engines.choose import choose
from netlesion.inference.engines.torch_eager import eager
from netlesion.inference.plan import MOST_WINDOWS, Box, windows_at_once
from netlesion.inference.sliding import OUTSIDE
from netlesion.models.card import ModelCard
from netlesion.models.unet import unet
from netlesion.output.provenance import Stopwatch
from netlesion.predict.native_grid import probability_on
from netlesion.predict.plan import cost_of, plan_of
from netlesion.predict.settings import InferenceSettings, Machine, mode_of
from netlesion.predict.visit import forward, predict_visit, prepare

CLASSES = {"sstr": ("background", "lesion"), "fdg": ("background", "lesion")}
CARD = ModelCard(("sstr", "fdg"), ("sstr", "fdg"), CLASSES, (4.0, 4.0, 4.0), (8, 8, 8), {})


def hot_is_lesion(windows):
    signal = 40.0 * (windows[:, :2] - np.log1p(5.0) / np.log1p(10.0))
    return torch.stack([-signal[:, 0], signal[:, 0], -signal[:, 1], signal[:, 1]], dim=1)


def test_no_lesion_beyond_the_field_of_view_that_the_network_saw():
    short, long = np.eye(4) * 4, np.eye(4) * 4
    short[3, 3] = long[3, 3] = 1
    long[2, 3] = -40.0
    sstr = Volume(np.ones((9, 11, 10)), Geometry(short, (9, 11, 10)), Quantity.SUVBW)
    hot = np.ones((9, 11, 20))
    hot[3:6, 3:6, 10] = 20.0
    fdg = Volume(hot, Geometry(long, (9, 11, 20)), Quantity.SUVBW)
    visit = Visit("1", "1", {"sstr": Scan("sstr", sstr, Tracer.SSTR), "fdg": Scan("fdg", fdg, Tracer.FDG)})
    result = predict_visit(visit, CARD, [hot_is_lesion], InferenceSettings(), Stopwatch())["fdg"]
    assert result.lesions.array[3:6, 3:6, 10].all(), "the lesion at the edge is found"
    assert not result.lesions.array[:, :, :9].any(), "and not smeared over what was never seen"


def test_confluent_lesions_are_split_where_the_uptake_has_a_valley():
    """Two peaks 24 mm apart, joined by a bridge that takes up half as much: one component, two lesions."""
    hot = np.ones((12, 9, 9))
    hot[2:10, 4, 4], hot[2, 4, 4], hot[8, 4, 4] = 10.0, 20.0, 22.0
    fdg = Volume(hot, Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), hot.shape), Quantity.SUVBW)
    visit = Visit("1", "1", {"fdg": Scan("fdg", fdg, Tracer.FDG)})
    for split, count in ((False, 1), (True, 2)):
        result = predict_visit(visit, CARD, [hot_is_lesion], InferenceSettings(split=split), Stopwatch())["fdg"]
        assert len(result.rows) == count
        assert (result.lesions.array > 0).sum() == 8


@pytest.mark.parametrize("kind", ["rigid", "field"])
def test_a_second_tracer_of_another_frame_gets_its_lesions_on_its_own_grid(kind):
    """FDG of another day lies 60 mm off and 2 voxels over; its lesion is found at its own voxels."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    elsewhere = affine.copy()
    elsewhere[:3, 3] = (60.0, -24.0, 8.0)
    sstr = Volume(np.ones((13, 11, 9)), Geometry(affine, (13, 11, 9)), Quantity.SUVBW)
    hot = np.ones((15, 13, 11))
    hot[5:8, 6:8, 4:6] = 20.0
    fdg = Volume(hot, Geometry(elsewhere, hot.shape), Quantity.SUVBW)
    matrix = np.eye(4)
    matrix[:3, 3] = (68.0, -20.0, 8.0)
    transform = RigidTransform(matrix)
    if kind == "field":
        grid = Geometry(np.diag([8.0, 8.0, 8.0, 1.0]), (7, 7, 5))
        transform = DisplacementField(np.broadcast_to(matrix[:3, 3], (7, 7, 5, 3)), grid)
    visit = Visit(
        "1", "1", {"sstr": Scan("sstr", sstr, Tracer.SSTR), "fdg": Scan("fdg", fdg, Tracer.FDG, transform=transform)}
    )
    result = predict_visit(visit, CARD, [hot_is_lesion], InferenceSettings(), Stopwatch())
    found = result["fdg"].lesions
    assert found.geometry.same_grid(fdg.geometry)
    assert np.array_equal(found.array > 0, hot > 5)
    assert result["fdg"].rows[0].suvmax_g_per_ml == 20.0
    assert not result["sstr"].lesions.array.any()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("threshold", 2.0), ("threshold", 0.0), ("connectivity", 8), ("batch_size", 0), ("memory_gb", 0.0)]
    + [("flips", (3,)), ("flips", (0, 0))],
)
def test_a_setting_that_cannot_be_meant_is_named(setting, value):
    with pytest.raises(ConfigError, match=f"inference.{setting} is "):
        (Machine if setting in ("batch_size", "memory_gb") else InferenceSettings)(**{setting: value})


def network_card(norm):
    network = {"filters": (2, 3, 4), "norm": norm}
    return ModelCard(("fdg",), ("fdg",), {"fdg": ("background", "lesion")}, (4.0, 4.0, 4.0), (8, 8, 8), network)


def test_auto_streams_where_the_norm_allows_it_and_nothing_streams_where_it_does_not():
    assert mode_of("auto", network_card("batch")) == "stream"
    assert mode_of("auto", network_card("instance")) == "exact"
    assert mode_of("crop", network_card("instance")) == "crop"
    with pytest.raises(ConfigError, match="instance norm"):
        mode_of("stream", network_card("instance"))
    with pytest.raises(ConfigError, match="inference.mode is 'fast'"):
        mode_of("fast", network_card("batch"))


def one_pet(shape=(20, 18, 90)):
    """A body of SUV 1 in air, with one lesion."""
    array = np.zeros(shape)
    array[4:14, 5:13, 6:80] = 1.0
    array[8:11, 8:10, 40:43] = 20.0
    suv = Volume(array, Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), shape), Quantity.SUVBW)
    return Visit("1", "1", {"fdg": Scan("fdg", suv, Tracer.FDG)})


def hot_fdg(windows):
    signal = 40.0 * (windows[:, :1] - np.log1p(5.0) / np.log1p(10.0))
    return torch.cat([-signal, signal], dim=1)


@pytest.mark.parametrize("mode", ["exact", "crop", "stream"])
def test_every_mode_finds_the_lesion_and_only_it(mode):
    settings = InferenceSettings(mode=mode)
    prepared = prepare(one_pet(), network_card("batch"), settings, Stopwatch())
    assert (prepared.plan.box.num_voxels < 20 * 18 * 90) == (mode != "exact")
    found = predict_visit(one_pet(), network_card("batch"), [hot_fdg], settings, Stopwatch())["fdg"]
    assert np.array_equal(found.lesions.array > 0, found.suv.array > 5)


def test_mirror_images_are_mirrored_back_before_they_are_averaged():
    torch.manual_seed(0)
    network = torch.nn.Conv3d(1, 2, 3, padding=1)
    windows = torch.randn(2, 1, 5, 6, 7)
    with torch.inference_mode():
        both = averaged([network], (0, 2))(windows)
        by_hand = sum(
            network(windows.flip(axes)).flip(axes) if axes else network(windows) for axes in ([], [2], [4], [2, 4])
        )
    assert torch.allclose(both, by_hand / 4, atol=1e-6)
    assert averaged([network]) is network


def test_a_device_out_of_memory_gets_smaller_batches_then_shallower_tiles_and_each_is_said():
    lines, limit = [], 16 * 16 * 60

    def small_device(windows):
        if len(windows) * windows[0, 0].numel() > limit:
            raise torch.OutOfMemoryError("no memory")
        return hot_fdg(windows)

    card, settings = network_card("batch"), InferenceSettings(mode="stream")
    prepared = prepare(one_pet((20, 18, 400)), card, settings, Stopwatch())
    logits = forward(prepared, card, [small_device], settings, Stopwatch(), lines.append)
    assert torch.equal(logits.lesion, forward(prepared, card, [hot_fdg], settings, Stopwatch()).lesion)
    assert lines
    assert all("out of memory; going on with batches of 1, stream: " in line for line in lines)
    batched = InferenceSettings(mode="exact", machine=Machine(batch_size=8))
    prepared = prepare(one_pet(), card, batched, Stopwatch())
    lines.clear()
    limit = 2 * 8 * 8 * 8
    forward(prepared, card, [small_device], batched, Stopwatch(), lines.append)
    assert [line.split(";")[1].split(",")[0] for line in lines] == [
        " going on with batches of 4",
        " going on with batches of 2",
    ]


def test_a_tile_that_does_not_fit_runs_in_chunks_where_the_engine_can_and_the_result_stays():
    torch.manual_seed(0)
    filters = (4, 6, 8)
    network = unet(1, 2, filters=filters, norm="batch").eval()
    card = replace(network_card("batch"), network={"filters": filters, "norm": "batch"}, window=(16, 16, 16))
    plenty, little = InferenceSettings("stream"), InferenceSettings("stream", machine=Machine(memory_gb=2e-3))
    in_chunks, asked = replace(little, machine=replace(little.machine, chunked=True)), []

    def chunk(name, voxels):
        asked.append(cost_of(card, name, True).chunk_voxels(voxels, 2e6))
        return asked[-1]

    engine, visit = choose(network, 1, card.window, name="torch", precision="fp32", chunk=chunk), one_pet()
    plans = [prepare(visit, card, s, Stopwatch()).plan for s in (plenty, little, in_chunks)]
    assert [(p.num_tiles > 1, p.chunked) for p in plans] == [(False, False), (True, False), (False, True)]
    one, several, chunked = (
        predict_visit(visit, card, [predict], s, Stopwatch())["fdg"].probability.array
        for predict, s in ((eager(network), plenty), (eager(network), little), (engine.predict, in_chunks))
    )
    assert asked[-1] is not None
    assert np.abs(several - one).max() < 1e-5
    assert np.abs(chunked - one).max() < 1e-5


def test_a_device_without_memory_for_one_tile_says_so():
    def none(windows):
        raise torch.OutOfMemoryError("no memory")

    for mode in ("exact", "stream"):
        settings = InferenceSettings(mode=mode)
        prepared = prepare(one_pet(), network_card("batch"), settings, Stopwatch())
        with pytest.raises(InferenceError, match="too little memory for one tile"):
            forward(prepared, network_card("batch"), [none], settings, Stopwatch())


def test_the_batch_on_a_gpu_is_what_its_memory_holds_and_one_on_a_cpu():
    plan = plan_of(network_card("instance"), InferenceSettings(), (40, 40, 40))
    needed = plan.cost.activation_bytes * 8**3 / 1e9
    for device, share, wanted in (("cpu", 5.5, 1), ("cuda", 5.5, 5), ("cuda", 0.5, 1), ("cuda", 1e3, MOST_WINDOWS)):
        assert windows_at_once(plan, device, share * needed) == wanted


def test_folds_and_a_crop_are_compared_with_the_plain_way_and_the_reference():
    visit = one_pet()
    truth = Volume(
        (visit.scans["fdg"].volume.array > 5).astype(np.uint8), visit.scans["fdg"].volume.geometry, Quantity.LABEL
    )
    visit = replace(visit, masks={"fdg": truth})
    card = network_card("instance")

    def nothing(windows):
        return hot_fdg(windows) * 0.0 - torch.tensor([0.0, 9.0]).reshape(2, 1, 1, 1)

    folds = InferenceSettings(folds=2)
    agreement = predict_visit(visit, card, [hot_fdg, hot_fdg], folds, Stopwatch())["fdg"].agreement
    assert (agreement.chosen, agreement.other) == ("2 networks", "one network, one image")
    assert (agreement.dice, agreement.max_dp) == (1.0, 0.0)
    assert agreement.truth_dice_chosen == agreement.truth_dice_other == 1.0
    lost = predict_visit(visit, card, [nothing, hot_fdg], InferenceSettings(folds=2), Stopwatch())["fdg"].agreement
    assert lost.truth_dice_chosen > lost.truth_dice_other == 0.0
    crop = InferenceSettings(mode="crop", agreement=True)
    agreement = predict_visit(visit, card, [hot_fdg], crop, Stopwatch())["fdg"].agreement
    assert (agreement.chosen, agreement.other, agreement.truth_dice_chosen) == ("crop", "exact", 1.0)
    with pytest.raises(ConfigError, match=r"inference\.agreement is True, expected false in mode exact"):
        InferenceSettings(agreement=True)


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, -1)])
def test_only_what_was_computed_goes_back_to_the_native_grid_and_nothing_is_lost_at_its_edge(flip):
    working = Geometry(np.diag([4.0, 4.0, 5.0, 1.0]), (21, 17, 23))
    affine = np.diag([3.1 * flip[0], 2.7 * flip[1], 4.4 * flip[2], 1.0])
    affine[:3, 3] = [60.0 * (f < 0) + 1.3 for f in flip]
    native, box = Geometry(affine, (19, 24, 22)), Box((4, 3, 6), (15, 12, 20))
    logits = torch.full(working.shape, OUTSIDE)
    inner = torch.randn(11, 9, 14, generator=torch.Generator().manual_seed(0)) * 4
    logits[box.slices] = inner
    found = probability_on(logits, box, working, native, None, None)
    everything = probability_on(logits, Box((0, 0, 0), working.shape), working, native, None, None)
    np.testing.assert_allclose(found, everything, atol=1e-6)
    assert (found == 0).mean() > 0.4, "the rest was not computed"
    assert (found > 0.5).any()


@pytest.mark.parametrize(("precision", "remedy"), [("fp32", False), ("fp16", True)])
def test_a_result_that_is_not_finite_names_a_remedy_where_there_is_one(precision, remedy):
    settings = InferenceSettings(precision=precision)
    prepared = prepare(one_pet(), network_card("instance"), settings, Stopwatch())
    with pytest.raises(InferenceError, match="not finite") as error:
        forward(prepared, network_card("instance"), [lambda w: hot_fdg(w) * float("nan")], settings, Stopwatch())
    assert ("try inference.precision=bf16" in str(error.value)) == remedy
