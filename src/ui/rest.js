// The parts of the page beyond its frame and the list of stored records: loaded while the first rows are already shown.

import { effect } from "./vendor/signals.js";
import * as act from "./core/actions.js";
import { listen } from "./core/keys.js";
import { live, route } from "./core/state.js";
import { Live } from "./data/live.js";
import { openRun } from "./data/runs.js";
import { watchProblems } from "./data/problems.js";
import { loadViews } from "./data/views.js";
import { Dialogs } from "./view/frame/dialogs.js";
import { SignIn } from "./view/frame/sign-in.js";
import { Home } from "./view/home/home.js";
import { RunHead, Runs } from "./view/home/runs.js";
import { Detail } from "./view/log/detail.js";
import { Broken, Empty, isFirstRun, NothingYet } from "./view/log/empty.js";
import { Find } from "./view/log/find.js";
import { HistogramView } from "./view/log/histogram.js";
import { LiveBar, LiveOver } from "./view/log/live-bar.js";
import { Selection } from "./view/log/select.js";
import { Status } from "./view/log/status-line.js";
import { Events } from "./view/panels/events.js";
import { Panel } from "./view/panels/panel.js";
import { StatusView } from "./view/panels/status.js";
import { Bar } from "./view/query/bar.js";
import { Sources } from "./view/query/sources.js";

export const parts = {
  Bar, Broken, Detail, Dialogs, Empty, Events, Find, HistogramView, Home, LiveBar, LiveOver, NothingYet, Panel, RunHead, Runs, Selection, SignIn, Sources, Status, StatusView, isFirstRun,
};

act.parts.live = new Live(act.parts.liveList);

effect(() => {
  const { tab, filter, run } = route.value;
  if (tab === "live") act.parts.live.follow(filter);
  else if (live.peek().connection !== "idle") act.parts.live.leave();
  if (tab === "runs" && run) openRun(run);
});

listen();
loadViews();
watchProblems();
