// SPDX-License-Identifier: Apache-2.0
#include "session/settings.h"

#include <algorithm>

#include <string.h>

#include "abi/session_abi.h"

namespace vtn::session {

uint32_t RecordSettings::option_bits() const {
  return (c_functions ? 0 : uint32_t{kOptionIgnoreCFunctions}) |
         (children ? 0 : uint32_t{kOptionOnlyProgram}) |
         (caller_lines ? uint32_t{kOptionLogLines} : 0) |
         (functions.mine ? uint32_t{kOptionMine} : 0) |
         (functions.no_standard_library ? uint32_t{kOptionNoStandardLibrary} : 0) |
         (functions.no_import ? uint32_t{kOptionNoImport} : 0) |
         (functions.ignore_frozen ? uint32_t{kOptionIgnoreFrozen} : 0) |
         (values.arguments ? uint32_t{kOptionArguments} : 0) |
         (values.return_values ? uint32_t{kOptionReturnValues} : 0) |
         (values.types_only ? uint32_t{kOptionNoRepr} : 0) |
         (values.redact ? 0 : uint32_t{kOptionNoRedact}) |
         (collections ? uint32_t{kOptionLogGc} : 0) |
         (exceptions ? uint32_t{kOptionLogExceptions} : 0) |
         (values.own_repr ? uint32_t{kOptionOwnRepr} : 0) |
         (values.object_fields ? uint32_t{kOptionObjectFields} : 0) |
         (prints ? uint32_t{kOptionLogPrint} : 0) | (audits ? uint32_t{kOptionLogAudit} : 0) |
         (sparse ? uint32_t{kOptionLogSparse} : 0) | (alias ? 0 : uint32_t{kOptionNoAlias}) |
         (library_spans ? 0 : uint32_t{kOptionNoLibrarySpans}) |
         (rows ? 0 : uint32_t{kOptionNoRows}) |
         (magic_comments ? uint32_t{kOptionMagicComments} : 0) |
         (calls.most_calls != 0 ? uint32_t{kOptionBudget} : 0);
}

SettingsWriter::SettingsWriter() : bytes_(sizeof(vtn_settings_head), '\0') {}

void SettingsWriter::add(uint32_t key, std::string_view bytes) {
  const vtn_setting record = {key, static_cast<uint32_t>(bytes.size())};
  bytes_.append(reinterpret_cast<const char*>(&record), sizeof(record));
  bytes_.append(bytes);
  bytes_.resize((bytes_.size() + 7) / 8 * 8);
  for_tree_ = for_tree_ || key < VTN_FIRST_LAUNCHER_SETTING;
}

void SettingsWriter::add(const RecordSettings& settings) {
  const auto add_text = [&](uint32_t key, const std::string& text) {
    add(key, std::string_view(text.c_str(), text.size() + 1));
  };
  for (const std::string& pattern : settings.excluded_processes) {
    add_text(VTN_SETTING_EXCLUDE, pattern);
  }
  for (const auto& [key, pattern] : settings.functions.patterns) {
    add_text(key, pattern);
  }
  for (const auto& [key, expression] : settings.logs) {
    add_text(key, expression);
  }
  for (const std::string& secret : settings.values.secrets) {
    add_text(VTN_SETTING_SECRET, secret);
  }
  if (settings.values.most_bytes != ValueWishes().most_bytes) {
    add(VTN_SETTING_MAX_REPR,
        std::string_view(reinterpret_cast<const char*>(&settings.values.most_bytes),
                         sizeof(settings.values.most_bytes)));
  }
  for (const std::string& told : settings.told) {
    add(VTN_SETTING_TOLD, told);
  }
  if (settings.calls.any()) {
    add(VTN_SETTING_LIMITS,
        std::string_view(reinterpret_cast<const char*>(&settings.calls), sizeof(settings.calls)));
  }
}

const std::string& SettingsWriter::bytes() {
  const vtn_settings_head head = {VTN_SETTINGS_MAGIC, bytes_.size()};
  memcpy(bytes_.data(), &head, sizeof(head));
  return bytes_;
}

Result<std::vector<std::string>> settings_with(std::string_view file, uint32_t key) {
  vtn_settings_head head;
  if (file.size() < sizeof(head)) {
    return fail("the settings file is cut short");
  }
  memcpy(&head, file.data(), sizeof(head));
  if (head.magic != VTN_SETTINGS_MAGIC) {
    return fail("the settings file is damaged at offset 0");
  }
  std::vector<std::string> found;
  for (std::string_view rest = file.substr(sizeof(head)); rest.size() >= sizeof(vtn_setting);) {
    vtn_setting record;
    memcpy(&record, rest.data(), sizeof(record));
    rest.remove_prefix(sizeof(record));
    if (record.bytes > rest.size()) {
      break;
    }
    if (record.key == key) {
      found.emplace_back(rest.substr(0, record.bytes));
    }
    rest.remove_prefix(std::min<size_t>((size_t{record.bytes} + 7) / 8 * 8, rest.size()));
  }
  return found;
}

CallLimits limits_in(std::string_view file) {
  CallLimits limits;
  const auto found = settings_with(file, VTN_SETTING_LIMITS);
  if (found && !found->empty() && found->back().size() == sizeof(limits)) {
    memcpy(&limits, found->back().data(), sizeof(limits));
  }
  return limits;
}

}  // namespace vtn::session
