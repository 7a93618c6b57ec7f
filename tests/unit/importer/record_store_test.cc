// SPDX-License-Identifier: Apache-2.0
#include "importer/record_store.h"

#include <random>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace vtn::test {
namespace {

using importer::Record;
using importer::RecordKind;
using importer::RecordStore;

}  // namespace

TEST_CASE("records: what is spilled comes back sorted, with its payload", "[importer]") {
  const TemporaryFolder folder;
  for (const size_t run : {size_t{1} << 20, size_t{100}, size_t{7}}) {
    RecordStore store(folder.path(), run);
    std::mt19937 random(7);
    uint64_t added = 0;
    for (int i = 0; i < 1000; ++i) {
      Record record = {};
      record.thread = random() % 3;
      record.ns = random() % 50;
      record.end_ns = record.ns + random() % 50;
      record.kind = static_cast<uint32_t>(RecordKind::kCall);
      record.name = static_cast<uint32_t>(i);
      const std::string payload(random() % 40, static_cast<char>('a' + i % 26));
      REQUIRE(store.add(record, payload).has_value());
      ++added;
    }
    REQUIRE(store.finish().has_value());
    CHECK(store.records() == added);
    uint64_t seen = 0;
    bool sorted = true;
    bool whole = true;
    for (const std::vector<uint32_t>& threads : {std::vector<uint32_t>{0}, {1, 2}}) {
      RecordStore::Merge merge = store.merge(threads);
      Record before = {};
      uint32_t told_before = 0;
      while (merge.next()) {
        const Record& record = merge.record();
        const bool later = record.ns > before.ns ||
                           (record.ns == before.ns &&
                            (record.end_ns < before.end_ns ||
                             (record.end_ns == before.end_ns && record.name < told_before)));
        sorted = sorted && (before.kind == 0 || later);
        whole = whole && merge.payload() == std::string(merge.payload().size(),
                                                        static_cast<char>('a' + record.name % 26));
        before = record;
        told_before = record.name;
        ++seen;
      }
      CHECK(merge.status().has_value());
    }
    CHECK(sorted);
    CHECK(whole);
    CHECK(seen == added);
  }
}

}  // namespace vtn::test
