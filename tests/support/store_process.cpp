#include "tests/support/store_process.h"

#include <algorithm>

#include "store/record.h"

namespace rollcall::tests {

using std::chrono::milliseconds;
using store::Result;

PackedList::PackedList(const StoreContent& content) {
  for (const auto& [nick, packed] : content.records) put(nick, packed);
}

void PackedList::put(const std::string& nick, std::string packed) {
  const auto [place, is_new] = places_.try_emplace(nick, entries_.size());
  if (is_new) entries_.emplace_back(nick, "");
  entries_[place->second].second = std::move(packed);
}

StoreContent PackedList::content(milliseconds wall_offset) const {
  StoreContent content;
  content.records.insert(entries_.begin(), entries_.end());
  content.wall_offset = wall_offset;
  return content;
}

bool PackedList::read(Position& position, std::size_t entries_max, std::string& packed) {
  const std::size_t end = std::min(entries_.size(), position.entry + entries_max);
  for (; position.entry < end; ++position.entry) packed += entries_[position.entry].second;
  return position.entry < entries_.size();
}

StoreProcess::StoreProcess(std::unique_ptr<SimulatedDisk> disk, Opener opener, std::uint64_t nicks)
    : ProcessOnDisk(std::move(disk), std::move(opener)), nicks_(nicks), generator_(nicks) {}

std::unique_ptr<ProcessOnDisk> StoreProcess::successor(std::unique_ptr<SimulatedDisk> left,
                                                       Ending ending) const {
  auto next = std::make_unique<StoreProcess>(std::move(left), opener(), nicks_);
  next->follows(ending);
  next->generator_ = generator_;
  next->version_ = version_;
  next->ledger_ = ledger_;
  return next;
}

bool StoreProcess::begin(store::Store& store) {
  StoreContent found;
  const store::Loaded loaded = store.load([&](milliseconds, std::string_view packed) {
    if (!found.add(packed)) object("a record is not whole");
    return true;
  });
  if (loaded.result != Result::kDone) return false;
  found.wall_offset = loaded.wall_offset;
  if (!ledger_.allows(found)) {
    object("of what was acknowledged: " + difference(found, ledger_.synced()) +
           "; of what was told: " + difference(found, ledger_.current()));
  }
  if (ending_before() == Ending::kPowerLoss) {
    ledger_.found_after_power_loss(found);
  } else {
    ledger_.found_after_kill(found);
  }
  list_ = PackedList(found);
  wall_offset_ = found.wall_offset;
  return true;
}

void StoreProcess::change(int count) {
  std::string batch;
  for (int i = 0; i < count; ++i) {
    std::string nick;
    const std::string packed = next_record(nick);
    batch += packed;
    list_.put(nick, packed);
  }
  unwritten_.push_back(std::move(batch));
}

bool StoreProcess::commit(store::Store& store) {
  const bool is_replacement = state_ == Result::kDistrusted;
  const bool is_told_something = is_replacement || !unwritten_.empty() || offset_is_due_;
  const Result result = is_replacement ? write_all(store) : write(store);
  if (result == Result::kDone) {
    unwritten_.clear();
    offset_is_due_ = false;
    state_ = Result::kDone;
    if (is_told_something) note_acknowledgement();
  } else if (state_ != Result::kDistrusted) {
    state_ = result;
  }
  return result == Result::kDone;
}

Result StoreProcess::write(store::Store& store) {
  bool more = false;
  Result result = store.maintain(list_, more);
  for (auto batch = unwritten_.begin(); batch != unwritten_.end() && result == Result::kDone;
       ++batch) {
    ledger_.append(*batch);
    result = store.append(*batch);
  }
  if (result == Result::kDone && offset_is_due_) {
    ledger_.set_wall_offset(wall_offset_);
    result = store.set_wall_offset(wall_offset_);
  }
  if (result == Result::kDone) result = store.sync();
  if (result != Result::kDone) {
    ledger_.failed();
  } else if (!unwritten_.empty() || offset_is_due_) {
    // Where there was nothing to sync, what a process that was killed left may still be lost.
    ledger_.sync_done();
  }
  return result;
}

Result StoreProcess::write_all(store::Store& store) {
  ledger_.begin_replace(list_.content(wall_offset_));
  const Result result = store.replace(list_, wall_offset_);
  if (result == Result::kDone) ledger_.replace_done();
  return result;
}

// A store that could not be replaced is as it was.
void StoreProcess::replace(store::Store& store) {
  const Result state_before = state_;
  state_ = Result::kDistrusted;
  if (!commit(store)) state_ = state_before;
}

void StoreProcess::step_wall_clock(std::chrono::seconds by) {
  wall_offset_ += by;
  offset_is_due_ = true;
}

void StoreProcess::forget() {
  list_ = PackedList();
  unwritten_.clear();
  offset_is_due_ = false;
  state_ = Result::kDone;
}

std::string StoreProcess::next_record(std::string& nick) {
  ++version_;
  const std::uint64_t number = generator_.below(nicks_);
  nick = "peer-" + std::to_string(number) + std::string(number * 7 % 120, '.');
  store::Record record;
  record.nick = nick;
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = static_cast<std::uint16_t>(1 + version_ % 60'000);
  record.active = version_ % 5 != 0;
  if (number % 2 == 0) record.cookie = engine::Cookie{{1, 2, 3}};
  record.deadline = store::LeaseTime(milliseconds(1'700'000'000'000) + milliseconds(version_));
  record.registered_at = engine::WallTime(std::chrono::seconds(1'700'000'000));
  record.activity_bits = 5;
  record.activity_day = 19'675;
  std::string packed;
  store::pack(record, packed);
  return packed;
}

}  // namespace rollcall::tests
