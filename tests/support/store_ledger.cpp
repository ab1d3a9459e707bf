#include "tests/support/store_ledger.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/assert.h"
#include "store/journal.h"

namespace rollcall::tests {

bool StoreContent::add(std::string_view packed) {
  store::JournalUnpacker unpacker;
  while (!packed.empty()) {
    std::optional<store::Record> record = unpacker.unpack(packed);
    if (!record.has_value()) return false;
    const std::string nick(record->nick);
    if (record->extent != engine::Extent::kEntry) {
      const auto there = records.find(nick);
      if (there == records.end()) continue;
      std::string_view whole = there->second;
      record = renewed(store::unpack(whole).value(), *record);
    }
    std::string alone;
    store::pack(*record, alone);
    records[nick] = std::move(alone);
  }
  return true;
}

store::Record renewed(store::Record entry, const store::Record& renewal) {
  entry.active = true;
  entry.deadline = renewal.deadline;
  if (renewal.extent == engine::Extent::kRegistration) entry.registered_at = renewal.registered_at;
  return entry;
}

std::string difference(const StoreContent& found, const StoreContent& expected) {
  if (found.wall_offset != expected.wall_offset) {
    return "the wall offset is " + std::to_string(found.wall_offset.count()) + " and not " +
           std::to_string(expected.wall_offset.count());
  }
  for (const auto& [nick, packed] : expected.records) {
    const auto there = found.records.find(nick);
    if (there == found.records.end()) return nick + " is not there";
    if (there->second != packed) return nick + " is another one";
  }
  for (const auto& [nick, packed] : found.records) {
    if (!expected.records.contains(nick)) return nick + " was never told, or taken back";
  }
  return "";
}

StoreLedger::StoreLedger() : line_{std::make_shared<const StoreContent>()} {}

void StoreLedger::append(std::string_view batch) {
  StoreContent content = current();
  const bool is_whole = content.add(batch);
  ROLLCALL_ASSERT(is_whole);
  grow(std::move(content));
}

void StoreLedger::set_wall_offset(std::chrono::milliseconds offset) {
  StoreContent content = current();
  content.wall_offset = offset;
  grow(std::move(content));
}

void StoreLedger::begin_replace(StoreContent content) {
  replacement_ = std::make_shared<const StoreContent>(std::move(content));
  besides_.push_back(replacement_);
}

void StoreLedger::sync_done() {
  line_ = {line_.back()};
  besides_.clear();
}

void StoreLedger::replace_done() {
  line_ = {replacement_};
  besides_.clear();
}

void StoreLedger::failed() {
  besides_.insert(besides_.end(), line_.begin() + 1, line_.end());
  line_.resize(1);
}

void StoreLedger::found_after_power_loss(const StoreContent& found) {
  line_ = {std::make_shared<const StoreContent>(found)};
  besides_.clear();
}

void StoreLedger::found_after_kill(const StoreContent& found) {
  besides_.insert(besides_.end(), line_.begin(), line_.end());
  line_ = {std::make_shared<const StoreContent>(found)};
}

bool StoreLedger::allows(const StoreContent& found) const {
  const auto is_found = [&found](const Content& content) { return *content == found; };
  return std::ranges::any_of(line_, is_found) || std::ranges::any_of(besides_, is_found);
}

void StoreLedger::grow(StoreContent content) {
  line_.push_back(std::make_shared<const StoreContent>(std::move(content)));
}

std::uint64_t AnswerLedger::decided(const std::string& nick, std::string packed) {
  Nick& known = nicks_[nick];
  known.possible.push_back(std::move(packed));
  return known.first + known.possible.size() - 1;
}

void AnswerLedger::acknowledged(const std::string& nick, std::uint64_t decision) {
  Nick& known = nicks_.at(nick);
  if (decision <= known.first) return;
  const auto overtaken = static_cast<std::ptrdiff_t>(decision - known.first);
  known.possible.erase(known.possible.begin(), known.possible.begin() + overtaken);
  known.first = decision;
}

void AnswerLedger::found_after_power_loss(const StoreContent& found) {
  for (auto& [nick, known] : nicks_) {
    const auto there = found.records.find(nick);
    known.first += known.possible.size();
    known.possible = {there == found.records.end() ? "" : there->second};
  }
  offsets_ = {found.wall_offset};
}

std::string AnswerLedger::objection(const StoreContent& found) const {
  for (const auto& [nick, known] : nicks_) {
    const auto there = found.records.find(nick);
    const std::string packed = there == found.records.end() ? "" : there->second;
    if (std::ranges::find(known.possible, packed) != known.possible.end()) continue;
    return nick + (packed.empty() ? " is not there" : " is not as it was acknowledged");
  }
  for (const auto& [nick, packed] : found.records) {
    if (!nicks_.contains(nick)) return nick + " was never decided";
  }
  if (std::ranges::find(offsets_, found.wall_offset) != offsets_.end()) return "";
  return "the wall offset is " + std::to_string(found.wall_offset.count());
}

}  // namespace rollcall::tests
