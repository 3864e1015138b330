"""Patients made by hand: lesions are balls of voxels of 2 x 2.5 x 3 mm on a flipped grid, SUV as one says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netlesion.answers.patient import Lesion, Patient, Pet, Visit
from netlesion.image.geometry import Geometry
from netlesion.image.volume import Quantity, Volume
from netlesion.quantify.organ_map import OrganMap
from netlesion.quantify.references import ReferenceOrgan, ReferenceOrgans

#: 400 x 400 x 1050 mm around the origin.
GRID = Geometry(
    np.array([[-2.0, 0, 0, 200], [0, 2.5, 0, -200], [0, 0, 3.0, -525], [0, 0, 0, 1]]), (200, 160, 350)
)  # fmt: skip
LABEL = {"sstr": "dotatate", "fdg": "fdg", "psma": "psma"}


def ball(centre_mm, radius_mm: float) -> np.ndarray:
    """(N, 3) centres of the voxels of GRID in a ball."""
    centre = GRID.to_index(np.asarray([centre_mm], dtype=float))[0]
    reach = np.ceil(radius_mm / np.asarray(GRID.spacing_mm)).astype(int) + 1
    axes = [np.arange(round(c) - r, round(c) + r + 1) for c, r in zip(centre, reach, strict=True)]
    points = GRID.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
    return points[np.linalg.norm(points - centre_mm, axis=1) <= radius_mm]


def lesion(
    number: int = 1,
    region: str | None = "liver",
    *,
    at=(0.0, 0.0, 0.0),
    radius_mm: float = 10.0,
    suv: float = 10.0,
    tracer: str = "sstr",
    visit: str = "visit-1",
    **more,
) -> Lesion:
    """One lesion; SUVmax, SUVpeak and SUVmean are 1.2, 1 and 0.8 times `suv`."""
    points = ball(at, radius_mm)
    voxel = GRID.voxel_volume_ml
    values = {
        "case": f"sub-01_{visit.replace('visit', 'ses')}_trc-{LABEL[tracer]}",
        "lesion_id": number,
        "tracer": tracer,
        "visit": visit,
        "volume_ml": len(points) * voxel,
        "suvmax": 1.2 * suv,
        "suvmean": 0.8 * suv,
        "suvpeak": suv,
        "points_mm": points,
        "voxel_ml": voxel,
        "placed_mm": points,
        "region": region,
        "region_confidence": 1.0,
    }
    return Lesion(**(values | more))


def pet(*lesions: Lesion, tracer: str = "sstr", visit: str = "visit-1", **more) -> Pet:
    """A PET with these lesions and the reference organs of `references`."""
    values = {
        "case": f"sub-01_{visit.replace('visit', 'ses')}_trc-{LABEL[tracer]}",
        "tracer": tracer,
        "session": visit.replace("visit", "ses"),
        "visit": visit,
        "geometry": GRID,
        "lesions": tuple(replace(x, tracer=tracer, visit=visit) for x in lesions),
        "references": references(tracer),
    }
    values["lesions"] = tuple(replace(x, case=values["case"]) for x in values["lesions"])
    return Pet(**(values | more))


def references(tracer: str, **means: float | None) -> ReferenceOrgans:
    """Typical reference organs: liver 5, spleen 20, blood pool 1 (DOTATATE), or liver 2, blood pool 1.5 (FDG); an organ
    given as None is missing. The SD is a tenth of the mean, the hottest sphere 5 % above it.
    """
    usual = {"liver": 5.0, "spleen": 20.0, "blood_pool": 1.0} if tracer == "sstr" else {"liver": 2.0, "blood_pool": 1.5}
    found = {
        name: ReferenceOrgan(m, 0.1 * m, 1.05 * m, 14.0, (0.0, 0.0, 0.0), "organ map")
        for name, m in (usual | means).items()
        if m is not None
    }
    return ReferenceOrgans(found, {name: "the organ was taken out" for name, m in means.items() if m is None})


def with_image(one: Pet, background: float = 1.0, spots=()) -> Pet:
    """The PET with an image: background, each lesion at its `suvpeak`, and spots of (centre, radius in mm, SUV)."""

    def read() -> Volume:
        array = np.full(GRID.shape, background, dtype=np.float32)
        painted = [(x.points_mm, x.suvpeak) for x in one.lesions] + [(ball(c, r), suv) for c, r, suv in spots]
        for points, suv in painted:
            array[tuple(np.rint(GRID.to_index(points)).astype(int).T)] = suv
        return Volume(array, GRID, Quantity.SUVBW)

    return replace(one, read_suv=read)


def organ_map(**balls) -> OrganMap:
    """An organ map of balls, name -> (centre, radius in mm)."""
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    for n, (centre, radius_mm) in enumerate(balls.values(), start=1):
        labels[tuple(np.rint(GRID.to_index(ball(centre, radius_mm))).astype(int).T)] = n
    return OrganMap(labels, GRID, dict(enumerate(balls, start=1)))


def patient(*pets: Pet, site: str | None = "ileum", **more) -> Patient:
    """A patient with these PETs, one visit for each visit name among them."""
    names = dict.fromkeys(p.visit for p in pets)
    visits = tuple(Visit(name, tuple(p for p in pets if p.visit == name)) for name in names)
    return Patient("01", **({"visits": visits, "primary_site": site} | more))


def permuted(who: Patient, seed: int = 0) -> Patient:
    """The same patient with the lesions of every PET in another order, their numbers kept."""
    rng = np.random.default_rng(seed)

    def shuffled(one: Pet) -> Pet:
        return replace(one, lesions=tuple(one.lesions[n] for n in rng.permutation(len(one.lesions))))

    return replace(who, visits=tuple(replace(v, pets=tuple(map(shuffled, v.pets))) for v in who.visits))


def scaled(who: Patient, factor: float) -> Patient:
    """The same patient with every SUV, of lesions and reference organs, times a factor."""

    def of_pet(one: Pet) -> Pet:
        lesions = tuple(
            replace(x, suvmax=factor * x.suvmax, suvmean=factor * x.suvmean, suvpeak=factor * x.suvpeak)
            for x in one.lesions
        )
        organs = {
            name: replace(r, mean=factor * r.mean, sd=factor * r.sd, peak=factor * r.peak)
            for name, r in one.references.found.items()
        }
        return replace(one, lesions=lesions, references=replace(one.references, found=organs))

    return replace(who, visits=tuple(replace(v, pets=tuple(map(of_pet, v.pets))) for v in who.visits))
