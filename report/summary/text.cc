// SPDX-License-Identifier: Apache-2.0
#include "report/summary/text.h"

#include <string_view>

#include <fmt/format.h>

#include "report/process_names.h"
#include "report/text.h"

namespace vtn::report {

namespace {

constexpr size_t kMostNameBytes = 160;

std::string_view short_place(std::string_view file, std::string_view folder) {
  if (!folder.empty() && folder != "/" && file.size() > folder.size() + 1 &&
      file.starts_with(folder) && file[folder.size()] == '/') {
    return file.substr(folder.size() + 1);
  }
  for (const std::string_view mark : {"/site-packages/", "/dist-packages/"}) {
    if (const size_t at = file.rfind(mark); at != file.npos) {
      return file.substr(at + mark.size());
    }
  }
  // .../lib/python3.12/json/decoder.py
  constexpr std::string_view kLibrary = "/lib/python3";
  if (const size_t at = file.rfind(kLibrary); at != file.npos) {
    const size_t end = file.find('/', at + kLibrary.size());
    return end == file.npos ? file : file.substr(end + 1);
  }
  return file;
}

}  // namespace

std::string duration_text(uint64_t ns) {
  const auto value = static_cast<double>(ns);
  const auto digits = [](double number, const char* unit) {
    return number < 9.995   ? fmt::format("{:.2f} {}", number, unit)
           : number < 99.95 ? fmt::format("{:.1f} {}", number, unit)
                            : fmt::format("{:.0f} {}", number, unit);
  };
  return ns < 1000         ? fmt::format("{} ns", ns)
         : value < 999.5e3 ? digits(value / 1e3, "us")
         : value < 999.5e6 ? digits(value / 1e6, "ms")
                           : digits(value / 1e9, "s");
}

std::string bytes_text(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return value < 1e6   ? fmt::format("{:.1f} kB", value / 1e3)
         : value < 1e9 ? fmt::format("{:.1f} MB", value / 1e6)
                       : fmt::format("{:.1f} GB", value / 1e9);
}

std::string grouped(uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) {
      text += ',';
    }
    text += digits[i];
  }
  return text;
}

std::string function_text(const spool::FunctionInfo* function, const std::string& folder) {
  if (function == nullptr) {
    return "(functions without a name)";
  }
  std::string text = function->name;
  if (function->kind == FunctionKind::kPython) {
    text += fmt::format(" ({}:{})", short_place(function->file, folder), function->line);
  } else if (function->kind == FunctionKind::kType) {
    text += " (a class)";
  } else if (function->kind == FunctionKind::kCallable) {
    text += " (an instance)";
  }
  return one_line(text, kMostNameBytes);
}

std::string table_head() {
  return fmt::format("{:>8} {:>6} {:>8} {:>13}  {}", "own", "share", "total", "calls", "function");
}

std::string table_line(const NamedTotals& named, uint64_t all_ns, const std::string& folder) {
  const FunctionTotals& totals = named.totals;
  const double share =
      all_ns == 0 ? 0 : 100.0 * static_cast<double>(totals.own_ns) / static_cast<double>(all_ns);
  return fmt::format("{:>8} {:>5.1f}% {:>8} {:>13}  {}",
                     duration_text(totals.own_ns),
                     share,
                     duration_text(totals.total_ns),
                     grouped(totals.calls),
                     function_text(named.function, folder));
}

}  // namespace vtn::report
