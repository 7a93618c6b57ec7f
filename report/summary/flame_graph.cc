// SPDX-License-Identifier: Apache-2.0
#include "report/summary/flame_graph.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "report/output_file.h"
#include "report/picture.h"
#include "report/process_names.h"
#include "report/summary/stacks.h"
#include "report/summary/text.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr size_t kMostNameBytes = 300;
constexpr uint32_t kRowHeight = 16;
constexpr uint32_t kTop = 40;
constexpr double kLetterWidth = 6.6;  // of the font below
constexpr double kLeastTextWidth = 3 * kLetterWidth;

constexpr std::string_view kStyle =
    "<style>\n"
    "text{font:11px monospace;fill:#111;pointer-events:none}\n"
    "rect{stroke:#fff;stroke-width:0.5}\n"
    "g:hover rect{stroke:#000;stroke-width:1}\n"
    "g.found rect{fill:#c3f}\n"
    "#search{pointer-events:all;cursor:pointer;text-decoration:underline}\n"
    "</style>\n";

// Frames that lie within one that is found are not counted again.
constexpr std::string_view kScript =
    "<script><![CDATA[\n"
    "function search(){\n"
    " var word=prompt('A regular expression of names:','');\n"
    " if(word===null)return;\n"
    " var pattern=null;\n"
    " try{pattern=word===''?null:new RegExp(word,'i')}catch(error){alert(error);return}\n"
    " var all=document.querySelectorAll('g.frame'),spans=[],found=0,count=0;\n"
    " all.forEach(function(frame){\n"
    "  var name=frame.querySelector('title').textContent.split('\\n')[0];\n"
    "  var is=pattern!==null&&pattern.test(name);\n"
    "  frame.classList.toggle('found',is);\n"
    "  if(!is)return;\n"
    "  count++;\n"
    "  var rect=frame.querySelector('rect'),x=+rect.getAttribute('x');\n"
    "  spans.push([x,x+ +rect.getAttribute('width')]);\n"
    " });\n"
    " spans.sort(function(a,b){return a[0]-b[0]});\n"
    " var end=0;\n"
    " spans.forEach(function(span){\n"
    "  found+=Math.max(0,span[1]-Math.max(end,span[0]));end=Math.max(end,span[1]);\n"
    " });\n"
    " document.getElementById('matched').textContent=pattern===null?'':\n"
    "  count+' frames, '+(100*found/WIDTH).toFixed(1)+' % of the time';\n"
    "}\n"
    "]]></script>\n";

// Valid UTF-8 without control characters, as text of XML, which has no U+FFFE and U+FFFF.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      default:
        safe += letter;
        if (safe.ends_with("\xef\xbf\xbe") || safe.ends_with("\xef\xbf\xbf")) {
          safe.back() = '\xbd';
        }
    }
  }
  return safe;
}

// Warm for Python, cool for C; the same for the same name.
std::string colour_of(std::string_view name, bool is_python) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (const char letter : name) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619u;
  }
  const uint32_t hue = (is_python ? 10 : 180) + hash % 45;
  return fmt::format("hsl({},{}%,{}%)", hue, 60 + hash / 64 % 25, 62 + hash / 4096 % 14);
}

struct Frame {
  std::string name;
  bool is_python = false;
  uint64_t total_ns = 0;
  uint64_t own_ns = 0;
  uint64_t calls = 0;
};

class Drawing {
 public:
  Drawing(const Picture& picture, const std::vector<ThreadStacks>& stacks)
      : picture_(picture), stacks_(stacks), totals_(stacks.size()) {
    for (size_t i = 0; i < stacks.size(); ++i) {
      std::vector<uint64_t>& totals = totals_[i];
      totals.resize(stacks[i].size());
      for (size_t at = stacks[i].size(); at-- > 0;) {  // a caller comes before what it calls
        const Stack& stack = stacks[i][at];
        totals[at] += stack.own_ns;
        if (stack.caller != kNoStack) {
          totals[stack.caller] += totals[at];
        } else {
          all_ns_ += totals[at];
        }
      }
    }
  }

  void draw() {
    draw_frame({"all", false, all_ns_, 0, 0}, 0, 0);
    double x = 0;
    for (const uint32_t number : picture_.order) {
      const ProcessInfo& process = picture_.info(number);
      Frame frame = {one_line(fmt::format("{} {}", process.shown_pid, process.name), 300)};
      for (const uint32_t thread : picture_.processes[number].threads) {
        frame.total_ns += total_of(thread);
      }
      draw_frame(frame, x, 1);
      double thread_x = x;
      for (const uint32_t thread : picture_.processes[number].threads) {
        draw_thread(thread, thread_x);
        thread_x += width_of(total_of(thread));
      }
      x += width_of(frame.total_ns);
    }
  }

  std::string_view frames() const { return frames_; }
  uint32_t rows() const { return rows_; }
  uint64_t left_out() const { return left_out_; }
  uint64_t all_ns() const { return all_ns_; }

 private:
  double width_of(uint64_t ns) const {
    return all_ns_ == 0 ? 0
                        : kPictureWidth * static_cast<double>(ns) / static_cast<double>(all_ns_);
  }

  uint64_t total_of(uint32_t thread) const {
    uint64_t sum = 0;
    for (size_t i = 0; i < stacks_[thread].size(); ++i) {
      sum += stacks_[thread][i].caller == kNoStack ? totals_[thread][i] : 0;
    }
    return sum;
  }

  void draw_thread(uint32_t thread, double x) {
    const spool::ThreadInfo& info = picture_.model.threads[thread];
    const spool::ImageInfo& image = picture_.model.images[info.image];
    draw_frame({one_line(fmt::format("{} {}", thread_name(image, info), picture_.shown_tid(thread)),
                         kMostNameBytes),
                false,
                total_of(thread),
                0,
                0},
               x,
               2);
    constexpr uint32_t kFirstRow = 3;
    const ThreadStacks& stacks = stacks_[thread];
    std::vector<double> next(stacks.size());  // where what it calls goes next
    double next_first = x;
    for (size_t i = 0; i < stacks.size(); ++i) {
      const Stack& stack = stacks[i];
      double& place = stack.caller == kNoStack ? next_first : next[stack.caller];
      next[i] = place;
      const spool::FunctionInfo* function =
          stack.function == kOtherFunctions ? nullptr : function_at(image, stack.function);
      draw_frame({stack.function == kOtherFunctions ? "(other functions)"
                                                    : function_text(function, image.cwd),
                  function != nullptr && function->kind == FunctionKind::kPython,
                  totals_[thread][i],
                  stack.own_ns,
                  stack.calls},
                 place,
                 kFirstRow + stack.depth - 1);
      place += width_of(totals_[thread][i]);
    }
  }

  void draw_frame(const Frame& frame, double x, uint32_t row) {
    const double width = width_of(frame.total_ns);
    if (width < kLeastWidth) {
      ++left_out_;
      return;
    }
    rows_ = std::max(rows_, row + 1);
    const double share = 100.0 * static_cast<double>(frame.total_ns) / static_cast<double>(all_ns_);
    std::string title =
        fmt::format("{}\n{} ({:.2f} %)", frame.name, duration_text(frame.total_ns), share);
    if (frame.calls != 0) {
      title += fmt::format(", own {}, {} {}",
                           duration_text(frame.own_ns),
                           grouped(frame.calls),
                           frame.calls == 1 ? "call" : "calls");
    }
    const uint32_t y = kTop + row * kRowHeight;
    frames_ += fmt::format(
        "<g class=\"frame\"><title>{}</title><rect x=\"{:.3f}\" y=\"{}\" width=\"{:.3f}\" "
        "height=\"{}\" fill=\"{}\"/>",
        escaped(title),
        x,
        y,
        width,
        kRowHeight,
        row < 3 ? "#ddd" : colour_of(frame.name, frame.is_python));
    if (width >= kLeastTextWidth) {
      const auto letters = static_cast<size_t>((width - 4) / kLetterWidth);
      frames_ += fmt::format("<text x=\"{:.3f}\" y=\"{}\">{}</text>",
                             x + 2,
                             y + kRowHeight - 4,
                             escaped(one_line(frame.name, std::max(letters, size_t{4}))));
    }
    frames_ += "</g>\n";
  }

  const Picture& picture_;
  const std::vector<ThreadStacks>& stacks_;
  std::vector<std::vector<uint64_t>> totals_;  // of each thread's stacks, with what they call
  uint64_t all_ns_ = 0;
  uint32_t rows_ = 0;
  uint64_t left_out_ = 0;
  std::string frames_;
};

}  // namespace

Status write_flame_graph(const spool::Reader& spool, const WriteRequest& request) {
  const spool::Model& model = spool.model();
  const spool::ClockMap clock(static_cast<ClockKind>(model.header.clock_kind), model.clock);
  const Picture picture(model, clock, false);
  VTN_ASSIGN(
      const std::vector<ThreadStacks> stacks,
      find_stacks(spool, picture, kMostStacksOfThread, request.settings.workers, request.progress));
  Drawing drawing(picture, stacks);
  drawing.draw();
  const uint32_t height = kTop + drawing.rows() * kRowHeight + 10;
  std::string head = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\">\n",
      static_cast<uint32_t>(kPictureWidth),
      height);
  head += kStyle;
  std::string script(kScript);
  script.replace(script.find("WIDTH"), 5, fmt::format("{}", kPictureWidth));
  head += script;
  head += fmt::format(
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"4\" y=\"14\">{}</text>\n",
      escaped(one_line("viztracer-native " + model.command_line, 150)));
  head += fmt::format(
      "<text x=\"4\" y=\"30\">{}{}</text>\n"
      "<text id=\"search\" x=\"1150\" y=\"14\" onclick=\"search()\">Search</text>\n"
      "<text id=\"matched\" x=\"900\" y=\"30\"></text>\n",
      duration_text(drawing.all_ns()),
      drawing.left_out() == 0
          ? ""
          : fmt::format("; {} frames are too narrow to be drawn", grouped(drawing.left_out())));
  VTN_ASSIGN(OutputFile output, OutputFile::create(request.path));
  VTN_TRY(output.append(head));
  VTN_TRY(output.append(drawing.frames()));
  VTN_TRY(output.append("</svg>\n"));
  return output.commit();
}

}  // namespace vtn::report
