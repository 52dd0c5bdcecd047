"""``stac``: the catalogue of an archive of outputs, made of the items of its products (spec 11 section 10).

``catalog.json`` and a collection per level lie at the root of the archive, where the links of the items point to. They are
made anew each time and replaced in one go; equal contents are not written again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pystac

from sen2like.commands.collection import COLLECTIONS, collection
from sen2like.commands.findings import unreadable
from sen2like.errors import NothingToDo, PackagingError, Sen2LikeError, UsageError
from sen2like.report.as_json import write_text
from sen2like.report.texts import plural

CATALOG = "catalog.json"
_TILE = re.compile(r"\d{2}[A-Z]{3}")
_JSON = "application/json"


class BrokenItem(Sen2LikeError):
    """The STAC item of an output product cannot be used."""


@dataclass
class Catalogue:
    """What an archive holds."""

    items: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    """By level: (path of the item relative to the archive, its content), sorted by path."""
    broken: dict[str, str] = field(default_factory=dict)
    """Product, relative to the archive -> why its item is left out."""


def run(archive: Path, root_url: str | None = None, dry_run: bool = False) -> tuple[int, int]:
    """Write the catalogue of `archive` and tell what was done; -> (products listed, products left out).

    `root_url`: address at which the archive is published; None: all links are relative. `NothingToDo`: it has no product.
    """
    if problem := unreadable(archive):
        raise PackagingError(f"archive {problem}")
    if root_url is not None and not re.match(r"[a-z][a-z0-9+.-]*://.", root_url):
        raise UsageError(f"--root-url {root_url}: expected an address such as https://data.example.org/s2l")
    found = read(archive)
    for product, reason in found.broken.items():
        print(f"left out   {product}: {reason}")
    listed = sum(map(len, found.items.values()))
    if not listed and not found.broken:
        raise NothingToDo(f"archive {archive} has no product <tile>/<product>.SAFE; there is nothing to list")
    count = {COLLECTIONS[level].file: f", {plural(len(items), 'item')}" for level, items in found.items.items()}
    for name, text in documents(found, root_url).items() if listed else ():
        print(f"{_put(archive / name, text, dry_run):10} {archive / name}{count.get(name, '')}")
    for level, about in COLLECTIONS.items():
        path = archive / about.file
        if listed and level not in found.items and path.exists():
            print(f"{'to remove' if dry_run else 'removed':10} {path}: no product of that level is left")
            if not dry_run:
                path.unlink(missing_ok=True)
    return listed, len(found.broken)


def read(archive: Path) -> Catalogue:
    """The items of all products of `archive`; half-written products are hidden and do not count."""
    out = Catalogue()
    for product in products(archive):
        name = f"{product.parent.name}/{product.name}"
        try:
            level, item = _item(product)
        except BrokenItem as error:
            if product.is_dir():  # else it was replaced meanwhile
                out.broken[name] = str(error)
            continue
        out.items.setdefault(level, []).append((f"{name}/{product.stem}.json", item))
    return out


def products(archive: Path) -> Iterator[Path]:
    """Folders of output products, sorted."""
    for tile in sorted(archive.iterdir()):
        if _TILE.fullmatch(tile.name) and tile.is_dir():
            yield from (p for p in sorted(tile.glob("*.SAFE")) if not p.name.startswith(".") and p.is_dir())


def documents(found: Catalogue, root_url: str | None = None) -> dict[str, str]:
    """Text of each document by file name; the collections first, so that the catalogue never names one that is not there."""
    texts = {}
    present = [level for level in COLLECTIONS if found.items.get(level)]
    for level in present:
        about, items = COLLECTIONS[level], found.items[level]
        links = [_link("root", CATALOG, root_url, _JSON), _link("parent", CATALOG, root_url, _JSON)]
        links += [_link("item", path, root_url, "application/geo+json", item["id"]) for path, item in items]
        if root_url is not None:
            links.append(_link("self", about.file, root_url, _JSON))
        texts[about.file] = _text(collection(level, [item for _, item in items], links))
    catalog = pystac.Catalog("sen2like", "Harmonised surface reflectance from Sentinel-2 and Landsat 8/9.", "sen2like products")
    links = [_link("root", CATALOG, root_url, _JSON)]
    links += [_link("child", COLLECTIONS[level].file, root_url, _JSON, COLLECTIONS[level].title) for level in present]
    if root_url is not None:
        links.append(_link("self", CATALOG, root_url, _JSON))
    texts[CATALOG] = _text({**catalog.to_dict(include_self_link=False), "links": links})
    return texts


def _item(product: Path) -> tuple[str, dict[str, Any]]:
    """(level, item) of a product. `BrokenItem`: why it cannot be listed."""
    path = product / f"{product.stem}.json"
    try:
        item = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BrokenItem(f"it has no STAC item {path.name}; process it again, or remove it") from None
    except (OSError, ValueError) as error:
        raise BrokenItem(f"its STAC item cannot be read ({error}); process it again") from error
    try:
        read = pystac.Item.from_dict(item, preserve_dict=True)
    except (pystac.STACError, pystac.STACTypeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BrokenItem(f"its JSON file is no STAC item ({type(error).__name__}: {error}); process it again") from error
    if read.id != product.stem:
        raise BrokenItem(f"its STAC item has the id {read.id}; give the folder its name back, or process it again")
    level = next((level for level, about in COLLECTIONS.items() if about.id == read.collection_id), None)
    if level is None:
        known = " and ".join(about.id for about in COLLECTIONS.values())
        raise BrokenItem(f"its STAC item is of collection {read.collection_id}, known are {known}; process it again")
    if not _is_box(read.bbox) or read.datetime is None:
        raise BrokenItem("its STAC item has no bounding box of four numbers or no time; process it again")
    hrefs = (asset.href for asset in read.assets.values() if "://" not in asset.href)
    missing = [href for href in hrefs if not (product / href).exists()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BrokenItem(f"{missing[0]}{more} is missing, which its STAC item lists; process it again")
    return level, item


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(isinstance(v, int | float) for v in value)


def _link(rel: str, path: str, root_url: str | None, kind: str, title: str | None = None) -> dict[str, str]:
    href = f"./{path}" if root_url is None else f"{root_url.rstrip('/')}/{quote(path)}"
    return {"rel": rel, "href": href, "type": kind, **({"title": title} if title else {})}


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _put(path: Path, text: str, dry_run: bool) -> str:
    """Write a document unless it is there already; -> what was, or would be, done."""
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return "unchanged"
        if dry_run:
            return "to write"
        write_text(path, text)
    except (OSError, UnicodeDecodeError) as error:
        raise PackagingError(f"{path} cannot be written: {error}; make the archive writable") from error
    return "written"


