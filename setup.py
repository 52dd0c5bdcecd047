"""The packages of the wheel: `sen2like` and, as its data package `sen2like.conf`, the folder conf/. The rest is in setup.cfg."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["sen2like", "sen2like.*"]), "sen2like.conf"],
    package_dir={"sen2like.conf": "conf"},
)
