// SPDX-License-Identifier: Apache-2.0
#include "viewer/server/perfetto_page.h"

#include <fmt/format.h>

#include "report/text.h"

namespace vtn::viewer {

namespace {

constexpr char kHead[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n"
    "<style>:root{{color-scheme:dark light}}"
    "body{{font:15px system-ui,sans-serif;margin:3rem auto;max-width:36rem}}"
    "iframe{{position:fixed;inset:0;width:100%;height:100%;border:0}}"
    "button{{font:inherit;padding:.5rem 1rem}}</style></head><body>\n";

// [{"id":"dev.perfetto.ExpandTracksByRegex","args":["."]}]
constexpr char kExpand[] =
    "%5B%7B%22id%22%3A%22dev.perfetto.ExpandTracksByRegex%22%2C%22args%22%3A%5B%22.%22%5D%7D%5D";

constexpr char kScript[] =
    "const ui = {}, inside = {}, title = {};\n"
    "const words = document.getElementById('words');\n"
    "const say = (text) => {{ words.textContent = text; }};\n"
    "const trace = fetch('trace').then(async (got) => {{\n"
    "  if (!got.ok) throw new Error(await got.text());\n"
    "  return got.arrayBuffer();\n"
    "}});\n"
    "trace.catch((error) => say(`The trace cannot be had: ${{error.message}}`));\n"
    "function hand(target) {{\n"
    "  const origin = new URL(ui, location.href).origin;\n"
    "  say('Waiting for Perfetto ...');\n"
    "  const timer = setInterval(() => target.postMessage('PING', origin), 100);\n"
    "  addEventListener('message', async (event) => {{\n"
    "    if (event.source !== target || event.origin !== origin || event.data !== 'PONG') return;\n"
    "    clearInterval(timer);\n"
    "    say('Handing over ...');\n"
    "    const buffer = await trace;\n"
    "    target.postMessage({{perfetto: {{buffer, title, keepApiOpen: true}}}}, origin, "
    "[buffer]);\n"
    "    say('Perfetto has the trace. This page may be closed.');\n"
    "    window.handed = true;\n"
    "  }});\n"
    "}}\n"
    "if (inside) {{\n"
    "  const frame = document.createElement('iframe');\n"
    "  frame.src = ui;\n"
    "  document.body.append(frame);\n"
    "  hand(frame.contentWindow);\n"
    "}} else {{\n"
    "  const open = () => {{\n"
    "    const target = window.open(ui);\n"
    "    if (target !== null) hand(target);\n"
    "    return target !== null;\n"
    "  }};\n"
    "  document.getElementById('open').addEventListener('click', open);\n"
    "  if (!open()) say('The browser opens another window at a click only:');\n"
    "}}\n";

}  // namespace

std::string perfetto_route(uint16_t processor_port) {
  return fmt::format("#!/viewer?startupCommands={}{}",
                     kExpand,
                     processor_port == 0 ? "" : fmt::format("&rpc_port={}", processor_port));
}

std::string perfetto_page(const std::string& ui, bool inside, const std::string& title) {
  const auto script_text = [](const std::string& text) {
    return report::json_in_script(report::json_quoted(text));
  };
  return fmt::format(kHead, report::html_text(title)) + "<p id=\"words\"></p>\n" +
         (inside ? "" : "<button id=\"open\">Open Perfetto</button>\n") + "<script>\n" +
         fmt::format(kScript, script_text(ui + perfetto_route(0)), inside, script_text(title)) +
         "</script></body></html>\n";
}

}  // namespace vtn::viewer
