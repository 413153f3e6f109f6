from core.media.formats.patch import Unpatchable
def patch_flv(file, *a, **k):
    raise Unpatchable("not yet")
