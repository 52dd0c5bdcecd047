"""Command line of the simulator; see SIMULATE.md. ``python tests/simulator`` and, in tests, ``python -m simulator``."""

import argparse
import os
import sys
from dataclasses import fields
from datetime import datetime
from pathlib import Path

if not __package__:  # run by path: make `simulator` importable
    sys.path[0] = str(Path(__file__).resolve().parents[1])
os.environ.setdefault("GDAL_CACHEMAX", "300")  # megabytes; GDAL reads it when it starts

from simulator import landsat, scenarios, sentinel2
from simulator.acquisition import Acquisition


def main(arguments: list[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    args.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", description=sys.modules["simulator"].__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)

    p = _command(commands, "s2", "one Sentinel-2 product", _sentinel2)
    _acquisition_options(p, "S2A", "2021-06-02T10:46:25.578000")
    p.add_argument("--level", choices=("L1C", "L2A"), default="L1C")
    p.add_argument("--baseline", default="05.10", help="before 04.00: vector masks, no offset; from 05.11: psd-15")
    p.add_argument("--orbit", type=int, default=8, help="relative orbit")
    p.add_argument("--refined", action="store_true", help="GRI list and REFINED flag")
    p.add_argument("--tci", action="store_true", help="with the true colour image")
    p.add_argument("--no-qualit", action="store_true", help="without MSK_QUALIT")
    p.add_argument("--long-names", action="store_true", help="the form before December 2016; needs --baseline before 04.00")
    p.add_argument("--geotiff", action="store_true", help='imageFormat="GeoTIFF"')
    p.add_argument("--zip", action="store_true", help="one <product>.zip instead of the folder")
    p.add_argument("--strip", choices=("all", "first", "second"), default="all", help="datastrip of a split tile")

    p = _command(commands, "landsat", "one Landsat scene", _landsat)
    _acquisition_options(p, "LS8", "2021-06-15T10:23:51.194486")
    p.add_argument("--level", choices=("L1TP", "L2SP"), default="L1TP")
    p.add_argument("--path", type=int, default=196)
    p.add_argument("--row", type=int, default=30)
    p.add_argument("--part", choices=("all", "north", "south"), default="all", help="row of a split coverage")
    p.add_argument("--window", choices=tuple(landsat.WINDOWS), default="tile", help="136 km around the tile, or 185 x 180 km")

    p = _command(commands, "scenario", "a set of products with reference image, CAMS and truth", _scenario)
    p.add_argument("name", choices=scenarios.NAMES)
    p.add_argument("--brdf", action="store_true")
    p.add_argument("--sbaf", action="store_true")
    p.add_argument("--physics", choices=("pixel", "mean"), default="pixel")
    p.add_argument("--window", choices=tuple(landsat.WINDOWS), default="tile")
    p.add_argument("--tci", action="store_true")
    p.add_argument("--no-qualit", action="store_true")

    p = _command(commands, "reference", "unshifted reference image (B04)", _reference)
    p.add_argument("--doy", type=int, default=scenarios.REFERENCE_DAY)
    return parser


def _command(commands, name, text, run):
    p = commands.add_parser(name, help=text, description=text)
    p.set_defaults(run=run)
    p.add_argument("--out", required=True, type=Path, help="folder of the product (scenario: root of everything)")
    p.add_argument("--coarse", type=int, default=1, help="multiply all pixel sizes by this")
    p.add_argument("--tile", default="31TFJ")
    p.add_argument("--seed", type=int, default=2021)
    return p


def _acquisition_options(p, sensor, date):
    p.add_argument("--sensor", default=sensor)
    p.add_argument("--date", type=datetime.fromisoformat, default=date, help="UTC sensing time, ISO")
    p.add_argument("--dx", type=float, default=0.0, help="metres by which the content is displaced eastwards")
    p.add_argument("--dy", type=float, default=0.0, help="the same northwards")
    p.add_argument("--aot", type=float, default=0.15)
    p.add_argument("--h2o", type=float, default=2.0, help="g/cm2")
    p.add_argument("--o3", type=float, default=0.32, help="cm-atm")
    p.add_argument("--pressure", type=float, default=1013.0, help="hPa")
    for quantity in ("aot", "h2o"):
        for axis, direction in (("gx", "eastwards"), ("gy", "northwards")):
            p.add_argument(f"--{quantity}-{axis}", type=float, default=0.0, help=f"change per 100 km {direction}")
    p.add_argument("--cover", type=float, default=0.0, help="share of opaque cloud, 0..1")
    p.add_argument("--cirrus", type=float, default=0.0, help="share of cirrus, 0..1")
    p.add_argument("--cloud-seed", type=int, default=0)
    p.add_argument("--noise", type=float, default=1.0, help="factor on the sensor noise, 0 = none")
    p.add_argument("--brdf", action="store_true", help="Roy BRDF; truth is then at nadir and theta_norm")
    p.add_argument("--sbaf", action="store_true", help="Landsat: OLI bands differ from those of S2A by a linear relation")
    p.add_argument("--physics", choices=("pixel", "mean"), default="pixel", help="angles of each pixel, or of the scene")
    track = "how far west of the tile centre the nadir track passes (S2: 95 puts the swath edge in the tile)"
    p.add_argument("--track-km", type=float, default=0.0, help=track)
    p.add_argument("--truth", help="folder of the truth (default <out>/truth; none = no truth)")


def _acquisition(args) -> Acquisition:
    given = {field.name: getattr(args, field.name) for field in fields(Acquisition) if hasattr(args, field.name)}
    return Acquisition(when=args.date.replace(tzinfo=None), track=args.track_km * 1000, **given)


def _truth_folder(args):
    return None if args.truth == "none" else args.truth or args.out / "truth"


def _sentinel2(args):
    acq = _acquisition(args)
    if args.strip == "first":
        acq.along_max = scenarios.STRIP_END
    elif args.strip == "second":
        acq.along_min, acq.strip_shift = scenarios.STRIP_START, 10
    sentinel2.render(acq, args.out, _truth_folder(args), level=args.level, baseline=args.baseline, orbit=args.orbit,
                     refined=args.refined, tci=args.tci, quality_masks=not args.no_qualit, long_names=args.long_names,
                     geotiff=args.geotiff, zipped=args.zip, log=print)  # fmt: skip


def _landsat(args):
    landsat.render(_acquisition(args), args.out, _truth_folder(args), args.level, args.path, args.row, args.part, args.window,
                   log=print)  # fmt: skip


def _scenario(args):
    scenarios.write(args.name, args.out, tile_id=args.tile, coarse=args.coarse, seed=args.seed, brdf=args.brdf, sbaf=args.sbaf,
                    physics=args.physics, window=args.window, tci=args.tci, quality_masks=not args.no_qualit,
                    log=print)  # fmt: skip


def _reference(args):
    print(scenarios.write_reference(args.out / f"{args.tile}_B04.tif", args.tile, args.coarse, args.seed, args.doy))


if __name__ == "__main__":
    main()
