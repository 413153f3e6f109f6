"""Makes odd media files of the kinds that cameras, phones, broadcasts and tools write.

    python -m tests.benchmarks.make_odd_clips FOLDER [--only TEXT]

Each file of six seconds comes from the programs ffmpeg, mkvmerge or gst-launch-1.0, some with bytes
edited afterwards. Files that are there already are kept; a recipe whose program or encoder is
missing is named and left out. `correct_odd_clips.py` corrects them. Run from the root of the
checkout.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import odd_bytes

LONGEST_S = 120
FONT_BYTES = bytes(range(256)) * 8

H264 = "-c:v libx264 -preset ultrafast -bf 2 -pix_fmt yuv420p"
AV = f"{H264} -c:a aac"
HEVC = "-c:v libx265 -preset ultrafast -x265-params log-level=none"
TWO_BASES = "-i {base} -itsoffset 0.7 -i {base}"
KEY = "-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb"
KEY += " -encryption_kid a7e61c373e219033c21091fa607bf3b8"
HDR = "hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none"
HDR += ":max-cll=1000,400:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
HDR += "L(10000000,50)"
FRAGMENTS = "-movflags +frag_keyframe+empty_moov"
TEXT = "-i {subtitles} -map 0 -map 1 -map 2"

CHAPTERS_TEXT = """;FFMETADATA1
title=Две камеры
[CHAPTER]
TIMEBASE=1/1000
START=0
END=2000
title=First
[CHAPTER]
TIMEBASE=1/1000
START=2000
END=6000
title=Second
"""
SUBTITLES_TEXT = """1
00:00:00,500 --> 00:00:01,500
first line

2
00:00:02,000 --> 00:00:02,000
no length

3
00:00:03,000 --> 00:00:04,000
<i>third</i> line
"""
CHAPTERS_XML = """<?xml version="1.0"?>
<Chapters><EditionEntry><ChapterAtom><ChapterTimeStart>00:00:00.000</ChapterTimeStart>
<ChapterTimeEnd>00:00:06.000</ChapterTimeEnd>
<ChapterDisplay><ChapterString>Part</ChapterString><ChapterLanguage>eng</ChapterLanguage>
</ChapterDisplay><ChapterDisplay><ChapterString>Teil</ChapterString>
<ChapterLanguage>ger</ChapterLanguage></ChapterDisplay>
<ChapterAtom><ChapterTimeStart>00:00:02.000</ChapterTimeStart>
<ChapterDisplay><ChapterString>Inside</ChapterString><ChapterLanguage>eng</ChapterLanguage>
</ChapterDisplay></ChapterAtom></ChapterAtom></EditionEntry></Chapters>
"""
TAGS_XML = """<?xml version="1.0"?>
<Tags><Tag><Targets><TargetTypeValue>50</TargetTypeValue></Targets>
<Simple><Name>DIRECTOR</Name><String>A. B.</String>
<Simple><Name>SORT_WITH</Name><String>B, A.</String></Simple></Simple></Tag></Tags>
"""


class Recipe(NamedTuple):
    """How an odd file is made.

    Attributes:
        name: Name of the file.
        command: Options of ffmpeg after the two generated inputs, or a whole command of another
            program. {out}, {base}, {font}, {cover}, {subtitles} and so on are paths.
        edit: Change of its bytes afterwards.
    """

    name: str
    command: str
    edit: Callable[[Path], None] | None = None


def gst(muxer: str, video: str = "x264enc key-int-max=25 ! h264parse", audio: str = "") -> str:
    """A command for GStreamer with six seconds of picture and sound."""
    sound = audio or "avenc_aac ! aacparse"
    return (
        f"gst-launch-1.0 -q {muxer} name=m ! filesink location={{out}} videotestsrc num-buffers=150"
        f" ! video/x-raw,width=160,height=96,framerate=25/1 ! {video} ! queue ! m."
        f" audiotestsrc num-buffers=282 ! audio/x-raw,rate=48000 ! audioconvert ! {sound}"
        " ! queue ! m."
    )


def as_data_track(path: Path) -> None:
    """Turn text tracks into tracks of a camera's measurements."""
    odd_bytes.rename_box(path, b"tx3g", b"gpmd")
    odd_bytes.rename_box(path, b"sbtl", b"meta")


def as_spatial_audio(path: Path) -> None:
    odd_bytes.rename_box(path, b"alac", b"apac")


def with_phone_trailer(path: Path) -> None:
    odd_bytes.with_trailer(path, b"SEFH" + bytes(60) + b"\x40\0\0\0SEFT")


MP4 = (
    Recipe("plain.mp4", AV),
    Recipe("faststart.mp4", f"{AV} -movflags +faststart"),
    Recipe("fragmented.mp4", f"{AV} {FRAGMENTS}"),
    Recipe("fragmented_no_tfra.mp4", f"{AV} {FRAGMENTS}+skip_trailer"),
    Recipe("fragment_per_frame.mp4", f"{AV} -movflags +frag_every_frame+empty_moov"),
    Recipe("fragmented_separate.mp4", f"{AV} {FRAGMENTS}+separate_moof+omit_tfhd_offset"),
    Recipe("cmaf.mp4", f"{AV} -movflags +cmaf+frag_keyframe+delay_moov+default_base_moof"),
    Recipe("dash_global_sidx.mp4", f"{AV} {FRAGMENTS}+dash+default_base_moof+global_sidx"),
    Recipe("negative_composition.mp4", f"{AV} -movflags +negative_cts_offsets"),
    Recipe("smooth_streaming.ismv", f"{AV} -f ismv"),
    Recipe("encrypted.mp4", f"{AV} {KEY}"),
    Recipe("encrypted_fragmented.mp4", f"{AV} {FRAGMENTS} {KEY}"),
    Recipe("gopro.mp4", f"{TEXT} -map 2 {AV} -c:s mov_text -timecode 01:00:00:00", as_data_track),
    Recipe("timecode.mov", f"{AV} -timecode 10:00:00:00"),
    Recipe("chapters.mp4", f"-i {{chapters}} -map_chapters 2 {AV}"),
    Recipe(
        "cover.mp4",
        f"-i {{cover}} -map 0 -map 1 -map 2 {H264} -c:v:1 copy -c:a aac"
        " -disposition:v:1 attached_pic",
    ),
    Recipe("subtitles.mp4", f"{TEXT} {AV} -c:s mov_text"),
    Recipe("ttml.mp4", f"{TEXT} {AV} -c:s ttml"),
    Recipe("sound_late.mp4", f"{TWO_BASES} -map 2:v -map 3:a -c copy"),
    Recipe("picture_late.mp4", f"{TWO_BASES} -map 3:v -map 2:a -c copy"),
    Recipe("cut_by_edit_list.mp4", "-ss 1.3 -i {base} -map 2 -c copy"),
    Recipe("no_edit_list.mp4", f"{AV} -use_editlist 0"),
    Recipe("negative_start.mov", f"{AV} -avoid_negative_ts disabled -use_editlist 0"),
    Recipe("odd_timescales.mp4", f"{AV} -video_track_timescale 12345 -movie_timescale 7"),
    Recipe("movie_timescale_600.mov", f"{AV} -movie_timescale 600"),
    Recipe("co64.mp4", AV, odd_bytes.with_64_bit_offsets),
    Recipe("large_mdat.mp4", AV, odd_bytes.with_large_mdat),
    Recipe("free_in_moov.mp4", AV, odd_bytes.with_free_in_moov),
    Recipe("unknown_box.mp4", AV, odd_bytes.with_unknown_box),
    Recipe("phone_trailer.mp4", AV, with_phone_trailer),
    Recipe("handler_cp1251.mov", AV, odd_bytes.with_cp1251_handler),
    Recipe("cut_fragments.mp4", f"{AV} {FRAGMENTS}", odd_bytes.cut_at_end),
    Recipe("cut_moov.mp4", AV, odd_bytes.cut_at_end),
    Recipe("rotated.mp4", f"{AV} -metadata:s:v rotate=90"),
    Recipe("location.mov", f"{AV} -metadata location=+48.1+011.5/ -movflags +use_metadata_tags"),
    Recipe("variable_rate.mp4", f"{AV} -vf select='not(between(mod(n\\,11)\\,3\\,6))' -vsync vfr"),
    Recipe("surround.mp4", f"{AV} -ac 6"),
    Recipe("mono_8_khz.mp4", f"{AV} -ar 8000 -ac 1"),
    Recipe("pcm.mp4", f"{H264} -c:a pcm_s16le -f mov -brand mp42"),
    Recipe("pcm_24_be.mov", f"{H264} -c:a pcm_s24be -ac 2"),
    Recipe("prores_pcm.mov", "-c:v prores_ks -c:a pcm_s24le -timecode 01:00:00:00"),
    Recipe("mjpeg_adpcm.mov", "-c:v mjpeg -pix_fmt yuvj420p -c:a adpcm_ima_qt"),
    Recipe("alac.mp4", f"{H264} -c:a alac"),
    Recipe("flac.mp4", f"{H264} -c:a flac -strict -2"),
    Recipe("opus.mp4", f"{H264} -c:a libopus"),
    Recipe("mp3.mp4", f"{H264} -c:a libmp3lame"),
    Recipe("vorbis.mp4", f"{H264} -c:a libvorbis"),
    Recipe("ac3.mp4", f"{H264} -c:a ac3"),
    Recipe("eac3.mov", f"{H264} -c:a eac3"),
    Recipe("dts.mp4", f"{H264} -c:a dca -ac 2 -strict -2"),
    Recipe("truehd.mp4", f"{H264} -c:a truehd -ac 2 -strict -2"),
    Recipe("two_languages.mp4", f"-map 0 -map 1 -map 1 {AV} -metadata:s:a:0 language=ger"),
    Recipe("spatial_audio.mov", f"-map 0 -map 1 -map 1 {AV} -c:a:1 alac", as_spatial_audio),
    Recipe("no_picture.m4a", "-map 1 -c:a aac"),
    Recipe("phone.3gp", "-s 176x144 -c:v h263 -c:a aac -ar 16000 -ac 1"),
    Recipe("phone.3g2", f"{AV} -ar 16000 -ac 1"),
    Recipe(
        "hdr10.mp4", f"-c:v libx265 -pix_fmt yuv420p10le -x265-params {HDR} -c:a aac -tag:v hvc1"
    ),
    Recipe("av1.mp4", "-c:v libsvtav1 -preset 12 -c:a aac"),
    Recipe("vp9.mp4", "-c:v libvpx-vp9 -deadline realtime -c:a libopus"),
    Recipe("camera_proxy.LRV", f"{AV} -f mp4"),
    Recipe("old.qt", "-c:v mpeg4 -c:a pcm_s16be -f mov"),
    Recipe("by_gstreamer.mp4", gst("mp4mux")),
    Recipe("by_gstreamer_fragmented.mp4", gst("mp4mux fragment-duration=1000")),
    Recipe("by_gstreamer.mov", gst("qtmux", audio="identity")),
)

MATROSKA = (
    Recipe("plain.mkv", AV),
    Recipe("live.mkv", f"{AV} -live 1"),
    Recipe("unknown_segment_size.mkv", AV, odd_bytes.with_unknown_segment_size),
    Recipe("cut.mkv", AV, odd_bytes.cut_at_end),
    Recipe("attachment.mkv", f"{AV} -attach {{font}} -metadata:s:t mimetype=font/ttf"),
    Recipe(
        "cover.mkv",
        f"{AV} -attach {{cover}} -metadata:s:t mimetype=image/png -metadata:s:t filename=cover.png",
    ),
    Recipe("nested_chapters.mkv", "mkvmerge -q -o {out} --chapters {chapters_xml} {base}"),
    Recipe("nested_tags.mkv", "mkvmerge -q -o {out} --global-tags {tags_xml} {base}"),
    Recipe("compressed_track.mkv", "mkvmerge -q -o {out} --compression 1:zlib {base}"),
    Recipe("sound_late.mkv", "mkvmerge -q -o {out} --sync 1:250 {base}"),
    Recipe("sound_early.mkv", "mkvmerge -q -o {out} --sync 1:-250 {base}"),
    Recipe("no_cues.mkv", "mkvmerge -q -o {out} --no-cues {base}"),
    Recipe(
        "no_clusters_of_simple_blocks.mkv", "mkvmerge -q -o {out} --engage no_simpleblocks {base}"
    ),
    Recipe("fine_ticks.mkv", "mkvmerge -q -o {out} --timestamp-scale 10000 {base}"),
    Recipe("subtitles.mkv", f"{TEXT} {AV} -c:s srt"),
    Recipe("ass_subtitles.mkv", f"{TEXT} {AV} -c:s ass"),
    Recipe("webvtt_subtitles.mkv", f"{TEXT} {AV} -c:s webvtt"),
    Recipe("laced_mp3.mkv", f"{H264} -c:a libmp3lame"),
    Recipe("flac.mkv", f"{H264} -c:a flac"),
    Recipe("pcm.mkv", "-c:v ffv1 -c:a pcm_s24le"),
    Recipe("dts.mkv", f"{H264} -c:a dca -ac 2 -strict -2"),
    Recipe("truehd.mkv", f"{H264} -c:a truehd -ac 2 -strict -2"),
    Recipe("opus_surround.mkv", f"{H264} -c:a libopus -ac 6"),
    Recipe("wavpack.mkv", f"{H264} -c:a wavpack"),
    Recipe("two_languages.mkv", f"-map 0 -map 1 -map 1 {AV} -metadata:s:a:1 language=fre"),
    Recipe("hdr10.mkv", f"-c:v libx265 -pix_fmt yuv420p10le -x265-params {HDR} -c:a aac"),
    Recipe("vp8_vorbis.webm", "-c:v libvpx -deadline realtime -c:a libvorbis"),
    Recipe("vp9_opus.webm", "-c:v libvpx-vp9 -deadline realtime -c:a libopus"),
    Recipe("av1_opus.webm", "-c:v libsvtav1 -preset 12 -c:a libopus"),
    Recipe("live.webm", "-c:v libvpx -deadline realtime -c:a libopus -live 1"),
    Recipe("browser_h264.webm", f"{H264} -c:a libopus -f matroska"),
    Recipe("subtitles.webm", f"{TEXT} -c:v libvpx -deadline realtime -c:a libopus -c:s webvtt"),
    Recipe("no_picture.mka", "-map 1 -c:a flac"),
    Recipe("by_gstreamer.mkv", gst("matroskamux")),
    Recipe("by_gstreamer_streamable.mkv", gst("matroskamux streamable=true")),
    Recipe("by_gstreamer.webm", gst("webmmux", "vp8enc deadline=1", "opusenc")),
)

TRANSPORT = (
    Recipe("plain.ts", AV),
    Recipe(
        "programs.ts",
        f"-map 0 -map 1 -map 0 -map 1 {AV} -program title=a:st=0:st=1 -program title=b:st=2:st=3",
    ),
    Recipe("wrap.ts", f"{AV} -output_ts_offset 95440.5"),
    Recipe("wrap_at_start.ts", f"{AV} -muxdelay 0 -muxpreload 0 -output_ts_offset 95443.6"),
    Recipe("starts_at_0.ts", f"{AV} -muxdelay 0 -muxpreload 0"),
    Recipe("constant_rate.ts", f"{AV} -muxrate 2M"),
    Recipe("null_packets.ts", AV, odd_bytes.with_null_packets),
    Recipe("stray_packets.ts", AV, odd_bytes.with_stray_pid),
    Recipe("cut_in_front.ts", AV, odd_bytes.cut_in_front),
    Recipe("cut_at_end.ts", AV, odd_bytes.cut_at_end),
    Recipe("rows_of_204.ts", AV, odd_bytes.with_rows_of_204),
    Recipe("joined.ts", AV, odd_bytes.joined_twice),
    Recipe("frame_per_packet.ts", f"{AV} -pes_payload_size 0"),
    Recipe("latm.ts", f"{AV} -mpegts_flags +latm"),
    Recipe("broadcast.ts", "-c:v mpeg2video -flags +ilme+ildct -c:a mp2"),
    Recipe("hevc_eac3.ts", f"{HEVC} -c:a eac3"),
    Recipe("opus.ts", f"{H264} -c:a libopus"),
    Recipe("s302m.ts", "-c:v mpeg2video -c:a s302m -ac 2 -strict -2"),
    Recipe("data_stream.ts", f"{TEXT} {AV} -c:s mov_text"),
    Recipe("by_gstreamer.ts", gst("mpegtsmux")),
    Recipe("bluray_ac3.m2ts", f"{H264} -c:a ac3"),
    Recipe("bluray_dts.m2ts", f"{H264} -c:a dca -ac 2 -strict -2"),
    Recipe("bluray_truehd.m2ts", f"{H264} -c:a truehd -ac 2 -strict -2"),
    Recipe("bluray_lpcm.m2ts", f"{H264} -c:a pcm_bluray -ac 2"),
    Recipe("camcorder.mts", f"{H264} -flags +ilme+ildct -c:a ac3 -f mpegts -mpegts_m2ts_mode 1"),
)

OTHERS = (
    Recipe("plain.flv", f"{AV} -ar 44100"),
    Recipe("keyframes.flv", f"{AV} -ar 44100 -flvflags add_keyframe_index"),
    Recipe("sorenson_mp3.flv", "-c:v flv -c:a libmp3lame -ar 44100"),
    Recipe("speex.flv", "-c:v flv -c:a libspeex -ar 16000 -ac 1"),
    Recipe("live.flv", f"{AV} -ar 44100 -flvflags no_duration_filesize"),
    Recipe("flash.f4v", f"{AV} -f f4v"),
    Recipe("camera.avi", "-c:v mjpeg -pix_fmt yuvj420p -c:a adpcm_ima_wav"),
    Recipe("old_camera.avi", "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_u8 -ar 11025"),
    Recipe("xvid_mp3.avi", "-c:v libxvid -c:a libmp3lame"),
    Recipe("h264_pcm.avi", f"{H264} -bf 0 -c:a pcm_s16le"),
    Recipe("tape.dv", "-s 720x576 -c:v dvvideo -pix_fmt yuv420p -c:a pcm_s16le -ac 2"),
    Recipe("tape.avi", "-s 720x576 -c:v dvvideo -pix_fmt yuv420p -c:a pcm_s16le -ac 2"),
    Recipe("windows.wmv", "-c:v wmv2 -c:a wmav2"),
    Recipe("windows.asf", "-c:v msmpeg4 -c:a libmp3lame"),
    Recipe("theora.ogv", "-c:v libtheora -c:a libvorbis"),
    Recipe("theora_opus.ogg", "-c:v libtheora -c:a libopus"),
    Recipe("disc_ac3.vob", "-c:v mpeg2video -c:a ac3"),
    Recipe("disc_lpcm.vob", "-c:v mpeg2video -c:a pcm_dvd -ac 2"),
    Recipe("program_stream.mpg", "-c:v mpeg1video -c:a mp2"),
    Recipe("interlaced.mxf", "-c:v mpeg2video -flags +ilme+ildct -c:a pcm_s16le"),
    Recipe("dnx.mxf", "-s 1280x720 -c:v dnxhd -b:v 90M -pix_fmt yuv422p -c:a pcm_s24le"),
    Recipe("plain.nut", AV),
    Recipe("television.wtv", "-c:v mpeg2video -c:a mp2"),
    Recipe("plain.gxf", "-s 720x576 -c:v mpeg2video -c:a pcm_s16le -ac 1"),
)

RECIPES = (*MP4, *MATROSKA, *TRANSPORT, *OTHERS)


def helpers(folder: Path) -> dict[str, str]:
    """Files that recipes use, by their names in the commands."""
    inside = folder / "parts"
    inside.mkdir(parents=True, exist_ok=True)
    texts = {
        "chapters": ("chapters.txt", CHAPTERS_TEXT),
        "subtitles": ("subtitles.srt", SUBTITLES_TEXT),
        "chapters_xml": ("chapters.xml", CHAPTERS_XML),
        "tags_xml": ("tags.xml", TAGS_XML),
    }
    paths = {}
    for name, (file, text) in texts.items():
        paths[name] = inside / file
        paths[name].write_text(text, encoding="utf-8")
    paths["font"] = inside / "font.ttf"
    paths["font"].write_bytes(FONT_BYTES)
    paths["base"], paths["cover"] = inside / "base.mkv", inside / "cover.png"
    found = {name: str(path) for name, path in paths.items()}
    commands = {
        "base": AV,
        "cover": "-frames:v 1 -map 0 -c:v png -f image2 -update 1",
    }
    for name, options in commands.items():
        if not paths[name].exists():
            run(ffmpeg(options).format(out=paths[name], **found))
    return found


def ffmpeg(options: str) -> str:
    """A whole command from the options of a recipe; inputs come before outputs."""
    inputs = "-f lavfi -i testsrc2=s=160x96:r=25:d=6"
    inputs += " -f lavfi -i aevalsrc=0.3*sin(t*t*900):s=48000:d=6"
    return f"ffmpeg -nostdin -v error -y {inputs} {options} {{out}}"


def run(command: str) -> str | None:
    """Run a command; the last line of its complaint, None if it has done its work."""
    try:
        done = subprocess.run(
            shlex.split(command),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    # mkvmerge ends with 1 for a mere warning.
    if done.returncode == 0 or (command.startswith("mkvmerge") and done.returncode == 1):
        return None
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"ends with {done.returncode}"


def make(recipe: Recipe, folder: Path, parts: dict[str, str]) -> str | None:
    """Make one file if it is missing; the reason where that fails."""
    target = folder / recipe.name
    if target.exists():
        return None
    partial = folder / f"partial-{recipe.name}"
    is_ffmpeg = not recipe.command.startswith(("mkvmerge ", "gst-launch-1.0 "))
    command = ffmpeg(recipe.command) if is_ffmpeg else recipe.command
    reason = run(command.format(out=partial, **parts))
    if reason is None and not partial.stat().st_size:
        reason = "the file is empty"
    if reason is None and recipe.edit:
        recipe.edit(partial)
    if reason is None:
        partial.rename(target)
    partial.unlink(missing_ok=True)
    return reason


def make_all(folder: Path, only: str = "") -> list[Path]:
    """Make all files whose names have a text; paths in the order of the recipes."""
    parts = helpers(folder)
    made = []
    for recipe in RECIPES:
        if only not in recipe.name:
            continue
        reason = make(recipe, folder, parts)
        if reason is None:
            made.append(folder / recipe.name)
        else:
            sys.stderr.write(f"{recipe.name} is left out: {reason}\n")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="files with this text in their names")
    options = parser.parse_args()
    made = make_all(options.folder, options.only)
    sys.stdout.write(f"{len(made)} of {len(RECIPES)} files are in {options.folder}.\n")


if __name__ == "__main__":
    main()
