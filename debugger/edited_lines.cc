// SPDX-License-Identifier: Apache-2.0
//
// Lines from a terminal, through libedit. Its words are bytes: completion takes the line up to the
// cursor.
#include <algorithm>
#include <utility>

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>
#include <wchar.h>

#include "debugger/lines.h"

namespace vtn::debugger {

namespace {

constexpr int kHistory = 1000;
constexpr char kComplete[] = "vtn-complete";
constexpr size_t kListed = 60;

class EditedLines final : public Lines {
 public:
  EditedLines(std::string prompt, Completions completions, Interrupts& interrupts)
      : prompt_(std::move(prompt)), completions_(std::move(completions)), interrupts_(interrupts) {
    (void)setlocale(LC_CTYPE, "");  // what bytes a character is
    edit_ = el_init("viztracer-native", stdin, stdout, stderr);
    history_ = history_init();
    if (edit_ == nullptr || history_ == nullptr) {
      return;
    }
    HistEvent event = {};
    (void)history(history_, &event, H_SETSIZE, kHistory);
    (void)history(history_, &event, H_SETUNIQUE, 1);
    (void)el_set(edit_, EL_CLIENTDATA, this);
    (void)el_set(edit_, EL_GETCFN, &EditedLines::get_character);
    (void)el_set(edit_, EL_PROMPT, &EditedLines::prompt);
    (void)el_set(edit_, EL_EDITOR, "emacs");
    (void)el_set(edit_, EL_HIST, history, history_);
    (void)el_set(edit_, EL_ADDFN, kComplete, "completes the word", &EditedLines::complete);
    (void)el_set(edit_, EL_BIND, "^I", kComplete, nullptr);
    (void)el_set(edit_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    (void)el_source(edit_, nullptr);  // the user's ~/.editrc
  }

  ~EditedLines() override {
    if (history_ != nullptr) {
      history_end(history_);
    }
    if (edit_ != nullptr) {
      el_end(edit_);
    }
  }

  bool ready() const { return edit_ != nullptr && history_ != nullptr; }

  std::optional<std::string> next() override {
    int length = 0;
    interrupted_ = false;
    const char* const line = el_gets(edit_, &length);
    if (line == nullptr || length <= 0) {
      if (interrupted_) {
        el_reset(edit_);
        (void)fputs("\n", stdout);
        (void)fflush(stdout);
        return std::string();
      }
      return std::nullopt;
    }
    std::string text(line, std::min(static_cast<size_t>(length), kMostLineBytes));
    if (text.find_first_not_of(" \t\n") != text.npos) {
      HistEvent event = {};
      (void)history(history_, &event, H_ENTER, line);
    }
    while (!text.empty() && text.back() == '\n') {
      text.pop_back();
    }
    return text;
  }

 private:
  static EditedLines* of(EditLine* edit) {
    EditedLines* self = nullptr;
    (void)el_get(edit, EL_CLIENTDATA, &self);
    return self;
  }

  // libedit's own goes on waiting after an interrupt. 0: there are no more; -1: give the line up.
  static int get_character(EditLine* edit, wchar_t* to) {
    EditedLines& self = *of(edit);
    mbstate_t state = {};
    while (true) {
      *to = L'\0';
      if (!self.interrupts_.wait_for_input(STDIN_FILENO)) {
        self.interrupted_ = true;
        return -1;
      }
      char byte = 0;
      const ssize_t got = read(STDIN_FILENO, &byte, 1);
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        return 0;
      }
      const size_t used = mbrtowc(to, &byte, 1, &state);
      if (used == static_cast<size_t>(-1)) {
        state = {};  // no character: dropped
      } else if (used != static_cast<size_t>(-2)) {
        return 1;
      }
    }
  }

  static char* prompt(EditLine* edit) { return of(edit)->prompt_.data(); }

  static unsigned char complete(EditLine* edit, int /*key*/) {
    const LineInfo* const info = el_line(edit);
    const std::string line(info->buffer, static_cast<size_t>(info->cursor - info->buffer));
    const std::vector<std::string> found = of(edit)->completions_(line);
    if (found.empty()) {
      return CC_REFRESH_BEEP;
    }
    // What all of them begin with is put in.
    std::string common = found.front();
    for (const std::string& one : found) {
      const auto differ = std::mismatch(common.begin(), common.end(), one.begin(), one.end());
      common.erase(differ.first, common.end());
    }
    const size_t space = line.rfind(' ');
    const std::string begun = space == line.npos ? line : line.substr(space + 1);
    std::string more = common.size() > begun.size() ? common.substr(begun.size()) : "";
    if (found.size() == 1) {
      more += ' ';
    }
    if (!more.empty()) {
      return el_insertstr(edit, more.c_str()) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    (void)fputs("\n", stdout);
    for (size_t i = 0; i < std::min(found.size(), kListed); ++i) {
      (void)fprintf(stdout, "%s\n", found[i].c_str());
    }
    if (found.size() > kListed) {
      (void)fprintf(stdout, "... %zu more\n", found.size() - kListed);
    }
    (void)fflush(stdout);
    return CC_REDISPLAY;
  }

  std::string prompt_;
  const Completions completions_;
  Interrupts& interrupts_;
  EditLine* edit_ = nullptr;
  History* history_ = nullptr;
};

}  // namespace

std::unique_ptr<Lines> edited_lines(std::string prompt,
                                    Completions completions,
                                    Interrupts& interrupts) {
  auto lines = std::make_unique<EditedLines>(std::move(prompt), std::move(completions), interrupts);
  return lines->ready() ? std::unique_ptr<Lines>(std::move(lines)) : nullptr;
}

}  // namespace vtn::debugger
