"""SMAC, forward and on arrays (Rahman and Dedieu, 1994): what a surface reflectance becomes at the top of the atmosphere."""

import math

import numpy as np


def smac(c, sza, saa, vza, vaa, aot, h2o, o3, pressure):
    """(a, t, s) with toa = a + t * surface / (1 - s * surface).

    Angles in degrees, AOT at 550 nm, water vapour in g/cm2, ozone in cm-atm, pressure in hPa; all arguments broadcast.
    `c` holds the coefficients of a band (`simulator.figures.smac_coefficients`).
    """
    us, uv = np.cos(np.radians(np.asarray(sza, float))), np.cos(np.radians(np.asarray(vza, float)))
    dphi = np.radians(np.asarray(saa, float) - vaa)
    aot = np.asarray(aot, float)
    p = np.asarray(pressure, float) / 1013.25
    air_mass = 1 / us + 1 / uv
    tau = c["ta0"] + c["ta1"] * aot

    scattering = np.maximum(-(us * uv + np.sqrt(1 - us**2) * np.sqrt(1 - uv**2) * np.cos(dphi)), -1)
    aerosol, ea = _aerosol(c, us, uv, scattering, tau, air_mass)
    rayleigh, er = _rayleigh(c, us, uv, scattering, p)
    y = (tau + c["tau_r"] * p) * air_mass * scattering
    et = c["rt1"] + c["rt2"] * y + c["rt3"] * y**2 + c["rt4"] * y**3
    atmospheric = rayleigh - er + aerosol - ea + et

    gas = _gas_transmission(c, air_mass, h2o, o3, p)
    albedo = c["s0"] * p + c["s3"] + c["s1"] * aot + c["s2"] * aot**2
    down_and_up = _transmission(c, us, aot, p) * _transmission(c, uv, aot, p)
    return atmospheric * gas, gas * down_and_up, albedo + 0 * atmospheric


def _gas_transmission(c, air_mass, h2o, o3, p):
    gas = np.exp(c["h2o_a"] * (np.asarray(h2o, float) * air_mass) ** c["h2o_n"])
    gas = gas * np.exp(c["o3_a"] * (np.asarray(o3, float) * air_mass) ** c["o3_n"])
    for g in ("o2", "co2", "ch4", "no2", "co"):
        gas = gas * np.exp(c[g + "_a"] * (p ** c[g + "_p"] * air_mass) ** c[g + "_n"])
    return gas


def _transmission(c, u, aot, p):
    return c["t0"] + c["t1"] * aot / u + (c["t2"] * p + c["t3"]) / (1 + u)


def _rayleigh(c, us, uv, x, p):
    """(reflectance, its correction)"""
    w = c["tau_r"] * (0.7190443 * (1 + x * x) + 0.0412742) / (us * uv)
    return p * w / 4, c["rr1"] + c["rr2"] * w + c["rr3"] * w * w


def _aerosol(c, us, uv, x, tau, air_mass):
    """(reflectance, its correction): two-stream solution of SMAC; letters as in the paper"""
    xi = np.degrees(np.arccos(x))
    phase = c["p0"] + c["p1"] * xi + c["p2"] * xi**2 + c["p3"] * xi**3 + c["p4"] * xi**4
    om, g = c["omega"], c["g"]
    D = 3 - 3 * om * g
    k = math.sqrt((1 - om) * D)
    n = 1 - k * k * us * us
    e = -3 * us**2 * om / (4 * n)
    f = -3 * (1 - om) * g * us**2 * om / (4 * n)
    d, dp = e + f, e / (3 * us) + us * f
    b = 2 * k / D
    ek, emk = np.exp(k * tau), np.exp(-k * tau)
    delta = ek * (1 + b) ** 2 - emk * (1 - b) ** 2
    h = (om / 4) * (us / n) / delta
    q1 = 2 + 3 * us + 3 * (1 - om) * g * us * (1 + 2 * us)
    q2 = 2 - 3 * us - 3 * (1 - om) * g * us * (1 - 2 * us)
    q3 = q2 * np.exp(-tau / us)
    c1 = h * (q1 * ek * (1 + b) + q3 * (1 - b))
    c2 = -h * (q1 * emk * (1 - b) + q3 * (1 + b))
    X = c1 - 3 * om * g * uv * (c1 * k / D)
    Y = c2 - 3 * om * g * uv * (-c2 * k / D)
    Z = d - 3 * om * g * uv * dp + om * phase / 4
    a1, a2, a3 = uv / (1 + k * uv), uv / (1 - k * uv), us * uv / (us + uv)
    reflectance = X * a1 * (1 - np.exp(-tau / a1)) + Y * a2 * (1 - np.exp(-tau / a2)) + Z * a3 * (1 - np.exp(-tau / a3))
    y = tau * air_mass * x
    return reflectance / (us * uv), c["ra1"] + c["ra2"] * y + c["ra3"] * y**2 + c["ra4"] * y**3
