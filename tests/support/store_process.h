#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/support/process_on_disk.h"

namespace rollcall::tests {

// The entries that a process has in memory, each as its last record, packed; in the order in which
// they came.
class PackedList final : public store::EntrySource {
 public:
  PackedList() = default;
  explicit PackedList(const StoreContent& content);

  void put(const std::string& nick, std::string packed);
  StoreContent content(std::chrono::milliseconds wall_offset) const;
  bool read(Position& position, std::size_t entries_max, std::string& packed) override;

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
  std::unordered_map<std::string, std::size_t> places_;
};

// A process that speaks to its store directly: changes are records with content of their own, and
// each kChanges is a batch.
class StoreProcess final : public ProcessOnDisk {
 public:
  // Changes are of `nicks` different ones.
  StoreProcess(std::unique_ptr<SimulatedDisk> disk, Opener opener, std::uint64_t nicks);

  std::unique_ptr<ProcessOnDisk> successor(std::unique_ptr<SimulatedDisk> left,
                                           Ending ending) const override;

 private:
  bool begin(store::Store& store) override;
  void change(int count) override;
  bool commit(store::Store& store) override;
  void replace(store::Store& store) override;
  void step_wall_clock(std::chrono::seconds by) override;
  void forget() override;

  store::Result write(store::Store& store);
  store::Result write_all(store::Store& store);
  std::string next_record(std::string& nick);

  const std::uint64_t nicks_;
  engine::SampleGenerator generator_;
  std::uint64_t version_ = 0;
  StoreLedger ledger_;

  PackedList list_;
  std::chrono::milliseconds wall_offset_{0};
  std::vector<std::string> unwritten_;  // batches
  bool offset_is_due_ = false;
  store::Result state_ = store::Result::kDone;
};

}  // namespace rollcall::tests
