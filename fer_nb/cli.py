"""The command line: `fer-nb predict`, `anonymize`, `doctor`, `results`, `data`.

Answers go to standard output, and nothing else does; progress, warnings and errors go to standard error.
Exit status: 0 done, 2 bad input or wrong use, 3 no face, 130 interrupted, 1 a bug of ours.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .errors import BadInput, FerError, NoFace

if TYPE_CHECKING:
    from .prediction import Prediction

INTERRUPTED = 130
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Facial expressions in video: what is read, how sure, and when.",
)
results_app = typer.Typer(no_args_is_help=True, help="The records behind the numbers of the book.")
data_app = typer.Typer(no_args_is_help=True, help="Data sets.")
make_app = typer.Typer(no_args_is_help=True, help="Make a data set on this machine.")
app.add_typer(results_app, name="results")
app.add_typer(data_app, name="data")
data_app.add_typer(make_app, name="make")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _say(text: str) -> None:
    """Print one line on standard error."""
    print(" ".join(text.split()), file=sys.stderr, flush=True)


@contextmanager
def _guarded() -> Iterator[None]:
    """Turn errors into one line and an exit status; show our own warnings as one line each."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"fer_nb\b")
        try:
            yield
            sys.stdout.flush()
        except FerError as error:
            _say(f"error: {error}")
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            _say("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # the reader of a pipe left, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except typer.Exit:
            raise
        except Exception as error:
            if os.environ.get("FER_NB_DEBUG"):
                raise
            _say(f"error: {type(error).__name__}: {error}: this is a bug, FER_NB_DEBUG=1 shows where")
            raise typer.Exit(1) from None


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"fer-nb {__version__}")
        raise typer.Exit


@app.command()
def predict(
    videos: Annotated[
        list[str], typer.Argument(metavar="VIDEO...", help="Video files, images or folders of frames.")
    ],
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV: a row per clip and per stretch.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Save the timeline as a picture (png, svg, pdf); of several: NAME-1, NAME-2, ..."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Save the video with the answer drawn on it; of several: NAME-1, NAME-2, ..."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "cpu",
) -> None:
    """Say which expression each video shows, and when.

    Several videos give a JSON list. When one of them fails, the others are still answered, and the exit
    status tells. What was answered before Ctrl-C is printed as well.
    """
    with _guarded():
        _check_choices(as_json, as_csv, plot, overlay)
        answers: list[Prediction] = []
        errors: list[FerError] = []
        several, finished = len(videos) > 1, False
        try:
            _ask(videos, answers, errors, device=device, plot=plot, overlay=overlay)
            finished = True
        finally:
            if answers or (several and finished):
                _print_answers(answers, as_json=as_json, as_csv=as_csv, several=several)
        if errors:
            raise typer.Exit(NoFace.exit_code if all(isinstance(e, NoFace) for e in errors) else 2)


def _check_choices(as_json: bool, as_csv: bool, plot: Path | None, overlay: Path | None) -> None:
    """Refuse what cannot work before anything is computed."""
    if as_json and as_csv:
        raise BadInput("--json and --csv exclude each other: give one of them")
    if plot and plot.suffix.lower() not in PICTURES:
        raise BadInput(f"{plot}: cannot draw this kind of picture: end the name in .png, .svg or .pdf")
    for target in (plot, overlay):
        if target and target.is_dir():
            raise BadInput(f"{target}: is a folder: give the name of a file")
    if overlay:
        from .overlay import check_name

        check_name(overlay)


def _ask(
    videos: list[str],
    answers: list[Prediction],
    errors: list[FerError],
    *,
    device: str,
    plot: Path | None,
    overlay: Path | None,
) -> None:
    """Predict one video after the other into `answers`; report what fails at once and go on."""
    from . import prediction
    from ._parallel import bar

    several = len(videos) > 1
    with bar("reading faces" if several else None, len(videos)) as step:
        answered = prediction.predict_many(videos, device=device)
        for number, (_, answer) in enumerate(answered, start=1):
            try:
                if isinstance(answer, FerError):
                    raise answer
                answers.append(answer)
                if plot:
                    _save_plot(answer, _numbered(plot, number if several else None))
                if overlay:
                    from .overlay import save_overlay

                    save_overlay(_numbered(overlay, number if several else None), answer)
            except FerError as error:
                _say(f"error: {error}")
                errors.append(error)
            step()


def _numbered(path: Path, number: int | None) -> Path:
    """Return `out-2.png` for the second of several videos, `out.png` for a single one.

    Examples
    --------
    >>> _numbered(Path("out.png"), 2).name, _numbered(Path("out.png"), None).name
    ('out-2.png', 'out.png')
    """
    return path if number is None else path.with_stem(f"{path.stem}-{number}")


def _save_plot(answer: Prediction, path: Path) -> None:
    """Draw the timeline of one answer into a file, whole or not at all."""
    from .cache import replacing
    from .plots import timeline

    with replacing(path) as temporary:
        timeline(answer).save(temporary)


def _print_answers(answers: list[Any], *, as_json: bool, as_csv: bool, several: bool) -> None:
    """Print the answers, none as an empty table or list."""
    from . import report

    if as_csv:
        print(report.as_csv(answers), end="")
    elif as_json:
        plain = [answer.to_dict() for answer in answers]
        print(report.as_json(plain if several else plain[0]))
    elif not as_json:
        for answer in answers:
            print(report.as_text(answer))


@app.command()
def anonymize(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="A video, an image or a folder of frames.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where to write: ends in mp4, mov or mkv.")],
    donor: Annotated[
        int | None, typer.Option(help="Number of the face to show; drawn at random, each time, if absent.")
    ] = None,
) -> None:
    """Write a video again with a synthetic face that shows the same expressions. There is no sound."""
    with _guarded():
        from .anonymize_video import anonymize_video

        shown = anonymize_video(video, out, donor=donor)
        _say(f"{out}: written with donor {shown}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, cached and missing, and whether `predict` can run (exit 0) or not (2)."""
    with _guarded():
        from . import doctor as examination
        from . import report

        found = examination.examine()
        print(report.as_json(found.to_dict()) if as_json else examination.as_text(found))
        if not found.can_predict:
            raise typer.Exit(2)


@results_app.command("show")
def results_show(as_json: AsJson = False) -> None:
    """Show every record: value, interval, target, and whether it is met."""
    with _guarded():
        from . import report, results

        records = results.all_records()
        if as_json:
            print(report.as_json([{**record.to_dict(), "met": record.met} for record in records]))
        else:
            print(report.records_as_text(records))


@results_app.command("make")
def results_make(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Records; none means all.")
    ] = None,
) -> None:
    """Make records by running their experiments; what is up to date is left as it is."""
    with _guarded():
        from .experiments.all import make

        with redirect_stdout(sys.stderr):
            make(ids or [])


@make_app.command("mime")
def make_mime(
    block: Annotated[str, typer.Option(help="fit, validate, test, attacker, non-members or sealed.")] = "fit",
    people: Annotated[
        int | None, typer.Option(min=1, help="How many people; all of the block if absent.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other performances.")] = 0,
) -> None:
    """Make synthetic people and keep them in the cache; what is there already is not made again."""
    with _guarded():
        from . import mime
        from .cache import cache_dir

        with redirect_stdout(sys.stderr):  # whatever shows progress
            clips = mime.block(block, people=people, seed=seed)
        frames = sum(len(clip) for clip in clips)
        who = len({clip.subject for clip in clips})
        _say(f"{mime.VERSION}/{block}: {who} people, {len(clips)} clips, {frames} frames in {cache_dir()}")


def main() -> None:
    """Run the command line; the entry point `fer-nb`."""
    try:
        app(prog_name="fer-nb")
    except KeyboardInterrupt:  # before or after a command
        _say("interrupted")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
