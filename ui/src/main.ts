import "@fontsource-variable/noto-sans-sc";
import "./design/tokens.css";
import "./design/base.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { openPlatform } from "./platform/open";
import { calmBrowser } from "./shell/calm-browser";

calmBrowser(window);
const target = document.getElementById("app");
if (target) void openPlatform().then((platform) => mount(App, { target, props: { platform } }));
