"""Shape Studio's window: views bound to models, models bound to what the engine says. Never imports torch.

``__main__`` and ``app`` start it; ``window`` is the frame, with ``docks``, ``menus``, ``keys`` (which a person can change),
``pages`` (preferences, help, questions) and ``tab_order``; ``panel`` is the contract between the frame and its panels, of
which ``panels`` lists those that there are; ``palette``, ``theme``, ``icons`` are how it looks, with resources/studio.qss.

- ``models/`` is observable state: QObjects with signals, no widgets. `models.opened.OpenProject` holds what every panel
  shares: ``session`` (the engine that runs jobs), ``queue``, ``live`` (the engine that answers at once), ``library``,
  ``thumbnails``, ``current`` (what is chosen and looked at), ``history`` (undo), ``background`` (threads), ``troubles``.
- ``views/`` are widgets bound to models. No view imports another view; what several are built from is in ``widgets/``.

**How a panel is added**, without touching the frame:

1. A model ``models/mix.py`` with ``class Mix(QObject)`` and ``@classmethod def of(cls, opened: OpenProject) -> Self``.
   ``opened.model(Mix)`` makes it once for each project, for whoever asks. It changes by method calls, tells of it by
   signals, and has a ``close()`` where something must end with the project.
2. A view ``views/mix.py`` with ``class MixView(QWidget)`` made from ``opened``, and at its end
   ``PANEL = Panel("mix", "Mix", "right", MixView, workspaces=("Mix",))``. A workspace has a tab as soon as a panel names
   it. Docks are moved, floated and remembered by the frame; "centre" panels stand above one another.
3. Its actions: ``self.addAction(in_menu(action, "Shape"))``. They stand in that menu, with their keys, while the
   workspace is shown. A key that types something goes to the text field that has the focus.
4. One line in ``panels.PANELS``; a view that is built of several widgets is put together there, by ``widgets.column``.

**Long work** is a job: ``opened.submit(job)`` puts it into the queue, and ``queue.ended(run)`` tells. The queue keeps it in
the project's queue.json, so it outlives the window. **Quick work** is a question: ``opened.live.ask(request, channel,
priority, then)``. **Changes** to the project go through ``opened.history.do``, so that they can be undone. **Errors** are
told by ``opened.troubles.tell_error``; nothing is modal but files, exports and questions before something is lost.

What can be done with a card is a line in `models.offers`, which every menu of cards is made of (``widgets.card_menu``).
Files are taken wherever in the window they are let go of (`widgets.drop_cover`, `models.incoming`), so no panel takes any;
panels take cards (`models.cards.MIME`), which are files for other programs (`models.outgoing`).

Custom painting takes colours from `theme.palette_of`. Style sheets know roles, not widgets: see ``widgets.words``. Fields
with names are ``widgets.rows``, windows beside the main one ``widgets.page``, words without enough room ``widgets.elided``
and ``widgets.narrow_choice``. Every control has a tip and a name, shows the focus, and is reached by Tab: tests/studio/
test_looks.py holds each panel to it, and ``make pictures`` shows them all.
Tests (tests/studio) drive the real window by clicks; `tests.studio.fakes` are engines that answer at once.
"""
