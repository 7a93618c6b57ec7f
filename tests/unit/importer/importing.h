// SPDX-License-Identifier: Apache-2.0
//
// Imports a text and tells what became of it, as text.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <string.h>

#include "abi/event_abi.h"
#include "abi/value_abi.h"
#include "base/file.h"
#include "importer/import.h"
#include "spool/replay.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn::test {

inline Result<importer::Imported> import_bytes(std::string_view bytes, bool partial = false) {
  static const TemporaryFolder folder;
  const std::string path = folder.write("trace", std::string(bytes));
  auto fd = open_file(path, O_RDONLY);
  REQUIRE(fd.has_value());
  return importer::import_file(std::move(*fd), {path, folder.path(), "0", partial, {}});
}

// The error of what cannot be imported, without the folder's name.
inline std::string import_error(std::string_view bytes) {
  auto imported = import_bytes(bytes);
  REQUIRE(!imported.has_value());
  std::string text = imported.error().message;
  for (size_t at = text.find("/"); at != text.npos; at = text.find("/")) {
    text.erase(at, text.find("trace", at) - at);
  }
  return text;
}

// Texts in a note's bytes: of values that are told as text.
inline std::string texts_in(std::string_view bytes) {
  std::string all;
  while (!bytes.empty()) {
    const bool repr = bytes.front() == static_cast<char>(ValueTag::kRepr);
    bytes.remove_prefix(repr ? 5 : 0);
    uint16_t length = 0;
    if (bytes.size() < 2) {
      return all + "?";
    }
    memcpy(&length, bytes.data(), 2);
    if (bytes.size() < 2u + length || (!repr && length > 64)) {
      return all + "?";
    }
    all += all.empty() ? "" : " ";
    all += bytes.substr(2, length);
    bytes.remove_prefix(2u + length);
  }
  return all;
}

// "+f@10 -@20" of one thread, with notes in brackets in front of what they are of.
inline std::string told(const spool::Reader& recording, uint32_t thread) {
  const spool::Model& model = recording.model();
  const spool::ImageInfo& image = model.images[model.threads[thread].image];
  struct Sink {
    const spool::ImageInfo& image;
    const spool::DecodedFrame& frame;
    std::string& text;
    void begin(uint32_t function, uint64_t ns) {
      const spool::FunctionInfo* info = image.function(frame.functions[function]);
      text += " +" + (info == nullptr ? "?" : info->name + (info->resumed() ? "~" : ""));
      text += "@" + std::to_string(ns);
    }
    void end(uint64_t ns, uint32_t how) {
      text += std::string(how == spool::kOpReturn   ? " -@"
                          : how == spool::kOpUnwind ? " ^@"
                                                    : " !@");
      text += std::to_string(ns);
    }
    void special(const spool::Special& special, uint64_t ns) {
      text += " gap" + std::to_string(special.lost_events) + "@" + std::to_string(ns);
    }
    void note(const spool::Note& note, uint64_t) {
      if (note.kind >= kFirstMark) {
        const spool::FunctionInfo* info = image.function(static_cast<uint32_t>(note.key));
        text += " {" + (info == nullptr ? "?" : info->name) + "@" + std::to_string(note.ticks);
        text += note.kind == static_cast<uint32_t>(NoteKind::kInstant)
                    ? " " + texts_in(note.bytes) + "}"
                    : "}";
      } else if (note.kind == static_cast<uint32_t>(NoteKind::kCallerLine)) {
        text += " [line " + std::to_string(note.key) + "]";
      } else {
        text += " [" + texts_in(note.bytes) + "]";
      }
    }
  };
  spool::FrameDecoder decoder;
  spool::DecodedFrame frame;
  std::string buffer;
  std::string text;
  const spool::ClockMap clock(ClockKind::kMonotonic, {});
  for (const spool::FrameInfo& info : model.frames) {
    if (info.thread != thread) {
      continue;
    }
    auto body = recording.read_body(info, buffer);
    REQUIRE(body.has_value());
    REQUIRE(decoder.decode(*body, frame).has_value());
    Sink sink{image, frame, text};
    REQUIRE(spool::replay_frame(frame, clock, sink).has_value());
  }
  return text.empty() ? text : text.substr(1);
}

inline std::string told(std::string_view bytes, uint32_t thread = 0) {
  auto imported = import_bytes(bytes);
  INFO((imported ? "" : imported.error().message));
  REQUIRE(imported.has_value());
  REQUIRE(imported->recording->model().threads.size() > thread);
  return told(*imported->recording, thread);
}

}  // namespace vtn::test
