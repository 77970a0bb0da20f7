"""clean-fid 0.1.35: `from ttur.compat.cleanfid import fid`."""

from ttur.compat.cleanfid import fid as fid
