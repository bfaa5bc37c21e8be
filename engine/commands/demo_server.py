"""The command that lets the page of the original's live demo draw with our models."""

from contextlib import suppress

import click

from engine import console
from engine.commands.common import Options, cli, common, home, model_named, open_or_make


@cli.command("demo-server")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine alone.")
@click.option(
    "--model", default="", help="A training run, a model file, or one that comes along; the newest otherwise."
)
@common("device")
def demo_server(options: Options, port: int, host: str, model: str) -> None:
    """Answer the live demo of Tiny 3D Diffusion, by WebSocket and on this machine alone, until it is stopped (Ctrl-C).

    It needs the extra "demo" of the installation.
    """
    from engine.demo_server import serve_demo
    from engine.device import choose
    from engine.generating import model_to_draw_with
    from engine.method import Workspace
    from engine.opened import open_model
    from engine.stages import ended

    model = model_named(model)
    folder = home(options.project)
    if not (folder / "project.json").exists():
        model = model or model_to_draw_with(None, words=True)
    with open_or_make(folder, options.project) as project:
        name = model or model_to_draw_with(project, words=True)
        opened = ended(open_model(name, project, Workspace(project.folder, choose(options.device))))
        with serve_demo(opened, port, host) as server, suppress(KeyboardInterrupt):
            console.say(f"{name} answers at ws://{host}:{port}; Ctrl-C ends it")
            server.serve_forever()
    console.say("the server has ended")
