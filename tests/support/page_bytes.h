// SPDX-License-Identifier: Apache-2.0
//
// A small report.html and a small Perfetto trace, byte by byte, for readers of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "spool/varint.h"

namespace vtn::test {

inline std::string packed(std::string_view bytes) {
  z_stream stream = {};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    abort();
  }
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
    abort();
  }
  out.resize(stream.total_out);
  (void)deflateEnd(&stream);
  return out;
}

inline std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = (bits << 8) | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      text += at + i > bytes.size() ? '=' : kDigits[(bits >> (18 - 6 * i)) & 63];
    }
  }
  return text;
}

inline std::string element(const std::string& name, std::string_view content) {
  return "<script type=\"application/x-vtn\" id=\"vtn-" + name + "\">" +
         (content.empty() ? "" : base64(packed(content))) + "</script>\n";
}

// One column of rows at depth 0 of thread 0.
struct BlockRow {
  uint16_t gap;
  uint16_t took;
  uint16_t code;
};
inline std::string call_block(const std::vector<BlockRow>& rows,
                              std::string_view odd,
                              uint32_t odd_rows,
                              std::string_view folds) {
  std::string block;
  const auto put = [&](const auto& value) {
    block.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const auto count = static_cast<uint32_t>(rows.size());
  put(uint32_t{0});
  put(uint32_t{1});
  put(count);
  put(uint32_t{0});
  put(double{1000});
  put(uint32_t{0});
  put(count);
  put(uint32_t{0});
  for (const auto member : {&BlockRow::gap, &BlockRow::took, &BlockRow::code}) {
    for (const unsigned shift : {0u, 8u}) {
      for (const BlockRow& row : rows) {
        block += static_cast<char>((row.*member) >> shift);
      }
    }
  }
  put(uint32_t{0});
  put(uint32_t{0});
  put(odd_rows);
  block += odd;
  put(static_cast<uint32_t>(folds.size()));
  block += folds;
  return block;
}

// Functions f (x.py:3) and len; a fold of both; f was called with values.
inline std::string small_page(bool whole = true) {
  std::string page =
      "<!doctype html><html><head><script type=\"application/json\" id=\"vtn-meta\">"
      R"({"format":1,"version":"0.9","command":"x.py","start_unix_ns":"5000","exit":{"status":3}})"
      "</script>\n<script>document.querySelector('script[type=\"application/x-vtn\"]')</script>";
  page += element(
      "tables",
      R"({"functions":{"name":["f","len"],"file":[0,-1],"line":[3,0],"kind":[0,1]},"files":["x.py"],)"
      R"("source_block":[0],"processes":[{"pid":7,"name":"x.py","parent":-1,"ledger":"traced",)"
      R"("executable":"/bin/py","argv":["py","x.py"],"cwd":"/d","python":"3.12.1","start_ns":10,)"
      R"("end_ns":9000,"alive":false,"end":"killed by SIGKILL","lost_events":0,"notices":[],"programs":[]},)"
      R"({"pid":8,"name":"ls","parent":0,"ledger":"untraced: it is a static executable","python":null,)"
      R"("start_ns":20,"end_ns":30,"alive":false,"end":"exit status 2","programs":[{"name":"ls","start_ns":20,)"
      R"("end_ns":30,"traced":false,"facts":[["argv",["ls","-l"]]]}]}],)"
      R"("threads":[{"process":0,"tid":9,"name":"worker","names":[]}],)"
      R"("arrows":[{"process":0,"thread":0,"ns":20,"to_process":1}],"sets":[[0,1]],"left_out":["a line"]})");
  page += element("overview-0", "no matter");
  // f; len, left by an exception; a fold of 5 calls, 30 ns of 40; f, which goes on, never ended.
  page += element("calls-0",
                  call_block({{0, 100, 0}, {50, 10, 1}, {5, 40, 2}, {7, 1, 0}},
                             std::string("\x01\x01\x02\x06", 4),
                             2,
                             std::string("\x05\x01\x1e\x02\x01", 5)));
  page += element("values-0", R"({"thread":0,"calls":[[0,0,12,{"n":"1"},"'r'"]]})");
  page += element(
      "marks-0",
      R"({"thread":0,"instants":[[1300,"m = 1","cat",[["value","1"],["k","v"]]]],"counters":[["c",[1400],[2.5]]]})");
  page += element("sources-0", R"({"0":"def f(n):\n"})");
  return whole ? page + element("end", "") : page;
}

// Protobuf.
inline std::string field(uint32_t number, uint64_t value) {
  std::string bytes;
  spool::append_varint(bytes, uint64_t{number} << 3);
  spool::append_varint(bytes, value);
  return bytes;
}
inline std::string field(uint32_t number, std::string_view text) {
  std::string bytes;
  spool::append_varint(bytes, (uint64_t{number} << 3) | 2);
  spool::append_varint(bytes, text.size());
  bytes += text;
  return bytes;
}

// Of some other tool's: interned names, an incremental clock, a counter, a flow.
inline std::string small_trace(bool compressed = false) {
  const auto packet = [](const std::string& body) { return field(1, body); };
  std::string packets;
  packets += packet(field(10, 5) + field(13, 1) +
                    field(6,
                          field(1, field(1, 6) + field(2, 1000)) +
                              field(1, field(1, 64) + field(2, 0) + field(3, 1)) +
                              field(1, field(1, 1) + field(2, 501000))));
  packets += packet(field(10, 5) +
                    field(60, field(1, 77) + field(4, field(1, 3) + field(2, 4) + field(5, "T"))));
  packets += packet(field(10, 5) + field(60, field(1, 78) + field(2, "load") + field(8, "")));
  packets += packet(field(10, 5) + field(59, field(58, 64) + field(11, field(11, 77))) +
                    field(12, field(2, field(1, 1) + field(2, "f"))));
  const auto event = [&](uint64_t step, const std::string& body) {
    packets += packet(field(8, step) + field(10, 5) + field(13, 2) + field(11, body));
  };
  event(10, field(9, 1) + field(10, 1) + field(4, field(10, "k") + field(6, "v")));
  event(5, field(9, 1) + field(23, "g") + field(47, 9));
  event(5, field(9, 2));
  event(1, field(9, 3) + field(23, "mark") + field(22, "cat"));
  event(2, field(9, 4) + field(11, 78) + field(30, 42));
  event(7, field(9, 2));
  return compressed ? field(1, field(50, packed(packets))) : packets;
}

}  // namespace vtn::test
