#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "fuzz/choices.h"
#include "store/group_commit.h"
#include "store/memory_store.h"
#include "store/record.h"
#include "store/recovery.h"
#include "store/registry_entries.h"
#include "tests/support/seeded_random.h"

namespace rollcall::fuzz {

// A server whose changes go to a device that outlives it, and a few clients who remember what they
// were told. It is stepped by hand: the store's thread does what is chosen when it is chosen, the
// device fails, clocks jump, and the server crashes and recovers.
class DurableServer {
 public:
  explicit DurableServer(Choices choices);

  // Somebody does one thing; then everything is checked.
  void step(Choices choices);
  // The faults stop: everything is answered, durable, and there after a crash.
  void finish();

 private:
  // What a change left, as it was told, and the deadline as it has to stand in the store.
  struct Version {
    engine::Change change;  // without its nick
    std::int64_t lease_deadline_ms = 0;
  };
  // Of a nick. Versions are numbered from one; zero is before the first.
  struct History {
    std::vector<Version> versions;
    std::size_t gathered = 0;      // these, at least, are in the batch
    std::size_t must_survive = 0;  // and these on the device
  };
  struct ToldChange {
    std::string nick;
    std::size_t version;
    std::optional<engine::Ticket> ticket;
  };

  // Hears what the registry tells, on its way to the group commit.
  class Tap final : public engine::ChangeLog {
   public:
    explicit Tap(DurableServer& server) : server_(server) {}
    void append(const engine::Change& change) override;
    bool accepts() override { return server_.group_->accepts(); }
    std::optional<engine::Ticket> ticket() override;

   private:
    DurableServer& server_;
  };

  // The entries as the store's thread reads them, while clients go on.
  class EntriesInUse final : public store::EntrySource {
   public:
    EntriesInUse(DurableServer& server, const store::LeaseClock& clock)
        : server_(server), entries_(*server.registry_, clock) {}
    bool read(Position& position, std::size_t entries_max, std::string& packed) override;

   private:
    DurableServer& server_;
    store::RegistryEntries entries_;
  };

  // An answer that a client is owed.
  struct Owed {
    std::string text;
    engine::AnswerFraming framing;
    std::optional<ToldChange> change;  // that it acknowledges
    bool waits;
  };
  struct Client {
    engine::SessionId session{};
    engine::HostAddress host;
    engine::OutputBuffer out;
    std::deque<Owed> owed;
  };
  struct Asked {
    std::string text;
    engine::Method method = engine::Method::kRegister;
    engine::AnswerFraming framing = engine::AnswerFraming::kLineFeed;
    std::string nick;
    bool is_valid = true;
  };

  static Asked choose_request(Choices& choices);
  void ask(Client& client, const std::vector<Asked>& requests);
  void take_answer(Client& client, const Asked& asked, std::string_view& text,
                   std::size_t& changes_taken);
  void take_off_the_wire(Client& client);
  void reopen(Client& client, const engine::HostAddress& host);
  void check_output(const Client& client) const;

  void gather();
  void end_epoch();
  void begin_gather();
  void finish_gather();
  store::Resolved commit();
  void resolve(engine::Ticket up_to, engine::Verdict verdict);

  void pass(engine::Duration duration);
  void step_wall_clock(std::chrono::milliseconds step);
  void fail_device(Choices& choices);

  void crash(std::size_t batches_kept, std::size_t peers_max);
  void start(std::size_t peers_max);
  std::optional<store::Recovered> recover(std::size_t peers_max);
  void compare_with_what_was_kept(const store::Recovered& recovered);
  void open_for_business(const store::LeaseClock& clock);

  // What the device would give back.
  struct Kept {
    std::chrono::milliseconds wall_offset{0};
    std::map<std::string, store::Record, std::less<>> records;
    std::deque<std::string> batches;
    std::size_t shortened = 0;  // records whose lease is longer than one can be by now
  };
  std::unique_ptr<Kept> kept() const;
  void add_batch(std::string_view batch, Kept& kept) const;
  std::size_t version_in(const Kept& kept, const std::string& nick) const;
  bool is_version(const store::Record& record, const Version& version) const;
  bool may_be_forgotten(const Version& version) const;
  std::int64_t lease_ms(engine::Instant instant) const;
  store::ClockReading reading() const { return {now_, wall_}; }
  engine::Time time() const { return {now_, std::chrono::floor<std::chrono::seconds>(wall_)}; }

  static constexpr std::size_t kClients = 4;

  tests::SeededRandom random_{1};
  engine::RegistryOptions registry_options_;
  store::GroupCommit::Options group_options_;
  engine::Instant now_{std::chrono::hours(1)};
  store::WallInstant wall_{std::chrono::days(20'000) + std::chrono::hours(20)};

  store::MemoryDevice device_;
  bool device_may_fail_ = false;
  std::map<std::string, History> history_;

  // The process, as long as it lives.
  std::unique_ptr<store::MemoryStore> store_;
  std::unique_ptr<engine::Registry> registry_;
  std::unique_ptr<EntriesInUse> entries_;
  std::unique_ptr<store::GroupCommit> group_;
  std::unique_ptr<Tap> tap_;
  std::unique_ptr<engine::Engine> engine_;
  std::int64_t to_lease_ms_ = 0;  // lease time minus monotonic time
  std::array<Client, kClients> clients_;
  std::vector<ToldChange> told_;  // by the requests that are under way
  std::size_t changes_ = 0;       // told by this process
  std::size_t changes_gathered_ = 0;
  std::function<void()> when_read_;  // what a client does when entries are read next
  std::size_t next_lane_ = 0;        // of a gathering that is under way
  bool is_gathering_ = false;
  bool is_asked_ = false;  // a ticket of this epoch was asked for
  // In this epoch.
  std::size_t wakes_ = 0;
  std::size_t wakes_due_ = 0;
};

}  // namespace rollcall::fuzz
