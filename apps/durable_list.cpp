#include "apps/durable_list.h"

#include <sysexits.h>

#include <chrono>
#include <utility>

#include "apps/clocks.h"
#include "apps/data_file.h"
#include "engine/assert.h"

namespace rollcall::apps {
namespace {

// A start that takes longer says how far it is.
constexpr std::chrono::seconds kProgressAfter{2};

}  // namespace

DurableList::DurableList(std::string path, engine::Registry& registry, store::Durability durability)
    : path_(std::move(path)), registry_(registry), durability_(durability) {}

std::optional<Failure> DurableList::recover(
    const std::function<void(const std::string&)>& progress) {
  auto opened = open_data_file(path_, store::SqliteStore::WhenMissing::kCreate);
  if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
  store_ = std::get<std::unique_ptr<store::SqliteStore>>(std::move(opened));

  const engine::Instant begin = now();
  recovered_ = store::recover(*store_, registry_, read_clocks, [&](std::uint64_t records) {
    if (now() - begin < kProgressAfter) return;
    progress("reading " + path_ + ": " + std::to_string(records) + " records so far");
  });
  if (auto failure = failure_of(*recovered_, path_, *store_)) return failure;

  entries_.emplace(registry_, recovered_->clock);
  const store::GroupCommit::Options options{.shards = registry_.shards(),
                                            .durability = durability_};
  group_.emplace(options, *store_, *entries_, recovered_->clock);
  return std::nullopt;
}

void DurableList::start(store::CommitThread::OnResolved on_resolved) {
  thread_.emplace(*group_, read_clocks, std::move(on_resolved));
}

bool DurableList::stop() {
  ROLLCALL_ASSERT(thread_.has_value());
  return thread_->stop();
}

}  // namespace rollcall::apps
