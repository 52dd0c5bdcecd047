"""`Acquisition`: everything that decides what a simulated image looks like."""

from dataclasses import dataclass
from datetime import datetime


@dataclass
class Acquisition:
    """One pass of one satellite over one tile. Same values, same pixels."""

    sensor: str = "S2A"
    when: datetime = datetime(2021, 6, 2, 10, 46, 25, 578000)
    """Sensing time, UTC."""
    tile: str = "31TFJ"
    coarse: int = 1
    """All pixel sizes are multiplied by it: the same picture with fewer pixels."""
    seed: int = 2021
    dx: float = 0.0
    """Metres: a feature at E, N appears at E + dx, N + dy."""
    dy: float = 0.0
    aot: float = 0.15
    h2o: float = 2.0
    """g/cm2"""
    o3: float = 0.32
    """cm-atm"""
    pressure: float = 1013.0
    """hPa"""
    aot_gx: float = 0.0
    """Change per 100 km eastwards."""
    aot_gy: float = 0.0
    """Change per 100 km northwards."""
    h2o_gx: float = 0.0
    h2o_gy: float = 0.0
    cover: float = 0.0
    """Share of opaque cloud, 0..1."""
    cirrus: float = 0.0
    noise: float = 1.0
    """Factor on the sensor noise."""
    brdf: bool = False
    """Surfaces follow the Roy BRDF; truth is then at nadir under theta_norm."""
    sbaf: bool = False
    """OLI bands differ from those of S2A by a linear relation."""
    physics: str = "pixel"
    """``pixel``: view and sun of each pixel; ``mean``: nadir view and scene-mean sun (the reference's simplification)."""
    track: float = 0.0
    """Metres by which the nadir track passes west of the tile centre."""
    along_min: float = -1e12
    """Limits of the data along track, metres from the tile centre, flight direction positive."""
    along_max: float = 1e12
    half_swath: float = 1e12
    """Half width of the data across track, metres (cut Landsat scenes)."""
    cloud_seed: int = 0
    strip_shift: int = 0
    """Seconds by which a second datastrip of a split tile is later."""

    def __post_init__(self) -> None:
        if self.coarse < 1 or 1830 % self.coarse:
            raise ValueError(f"coarse {self.coarse} does not divide the 1830 pixels of 60 m of a tile; try 10 or 30")

    @property
    def is_sentinel2(self) -> bool:
        return self.sensor.startswith("S2")

    @property
    def day_of_year(self) -> int:
        return self.when.timetuple().tm_yday
