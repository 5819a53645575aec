"""Frames and voice to the bytes of an mp4 file: H.264, with AAC, MP3 or no audio; the same bytes every time."""

import io
import wave
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags

from thb.rendered.heads.voice import RATE

# One thread, so that slices do not depend on the machine. cpu-independent, because x264's fastest macroblock tree
# reads past the end of rows that are no multiple of eight blocks: bytes then hang on what memory held before.
X264 = {"preset": "veryfast", "threads": "1", "profile": "high", "x264-params": "cpu-independent=1"}
AUDIO_CODECS = {"aac": ("aac", "fltp", 48_000), "mp3": ("libmp3lame", "s16p", 32_000)}
FRAMES_A_PACKET = 1152


def mp4(frames: np.ndarray, fps: Fraction, crf: float, samples: np.ndarray | None, audio: str | None) -> bytes:
    """uint8 frames [T, S, S, 3] and float32 samples [N] (or None: no audio track) as one mp4 file."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        picture = _add_picture(container, frames, fps, crf)
        sound = _add_sound(container, audio) if samples is not None else None
        for frame in frames:
            container.mux(picture.encode(_picture(frame)))
        container.mux(picture.encode())
        if sound is not None:
            for block in _blocks(samples, audio):
                container.mux(sound.encode(block))
            container.mux(sound.encode())
    return file.getvalue()


def wav(samples: np.ndarray) -> bytes:
    """float32 samples [N] as a 16-bit mono wav file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(_whole(samples).astype("<i2").tobytes())
    return file.getvalue()


def _add_picture(container, frames, fps, crf) -> av.VideoStream:
    stream = container.add_stream("libx264", rate=fps, options={**X264, "crf": f"{crf:.1f}"})
    stream.height, stream.width = frames.shape[1:3]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _add_sound(container, audio) -> av.AudioStream:
    codec, _, bitrate = AUDIO_CODECS[audio]
    stream = container.add_stream(codec, rate=RATE, layout="mono")
    stream.bit_rate = bitrate
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _picture(frame):
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")


def _blocks(samples, audio):
    """Audio frames of the layout that the codec takes."""
    _, layout, _ = AUDIO_CODECS[audio]
    values = samples.astype(np.float32) if layout == "fltp" else _whole(samples)
    for start in range(0, len(values), FRAMES_A_PACKET):
        block = av.AudioFrame.from_ndarray(values[None, start : start + FRAMES_A_PACKET], format=layout, layout="mono")
        block.sample_rate, block.pts, block.time_base = RATE, start, Fraction(1, RATE)
        yield block


def _whole(samples):
    return np.round(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
