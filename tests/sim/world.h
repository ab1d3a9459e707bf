#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/client.h"
#include "tests/sim/disk.h"
#include "tests/sim/event.h"
#include "tests/sim/oracle.h"
#include "tests/sim/population.h"
#include "tests/sim/server.h"
#include "tests/sim/setting.h"
#include "tests/sim/tally.h"
#include "tests/sim/trace.h"
#include "tests/support/seeded_random.h"

namespace rollcall::sim {

// The whole system in one thread: clients and their networks, the server, its store, and the disk
// under it, which outlives it. Throws Broken where a promise is.
class World {
 public:
  // `tally` and `trace` must outlive this.
  World(const Setting& setting, Tally& tally, const Trace& trace);
  ~World();

  // One thing happens; then everything it touched is checked.
  void take(const Event& event);
  // The faults stop: everything has to settle, and what is acknowledged to survive one more crash.
  void finish();

  // Of everything that clients were told, changes said and recovery found: two runs of the same
  // events have the same.
  std::uint64_t hash() const { return hash_; }
  // Requests that were sent and answered.
  std::uint64_t operations() const { return operations_; }

 private:
  void do_event(const Event& event);
  void do_client_event(const Event& event);
  void do_network_event(const Event& event);
  void do_time_event(const Event& event);
  void do_store_event(const Event& event);
  void do_server_event(const Event& event);

  Client& client_of(const Event& event) { return clients_[event.client % kClients]; }
  void connect(std::size_t client, const Event& event);

  // ---- Time and turns ----

  // One turn of the server. False if it has nothing to do.
  bool step();
  void settle();
  void step_store(std::size_t steps);
  void run_store();
  // As much of what there is to do as the event says.
  void follow_up(const Event& event);
  // Lets time pass; the store's thread works meanwhile, or is stuck.
  void pass(engine::Duration duration, bool store_is_stuck);
  void look_at_power();
  void check_clients();
  void note_closings();

  // ---- The machine ----

  bool is_up() const { return server_ != nullptr; }
  void start(engine::Duration boot_clock);
  // It stops in order.
  void end_server();
  // What survives of what was not synced follows from `survival`.
  void lose_power(std::size_t survival);
  void jump_wall(std::chrono::seconds by);

  // Nothing fails any more.
  void start_at_last(engine::Duration boot_clock);
  void check_settled();
  void check_everybody_expires();

  Setting setting_;
  Tally& tally_;
  const Trace& trace_;
  tests::SeededRandom random_;
  Oracle oracle_;
  const std::unique_ptr<Disk> disk_;
  Clocks clocks_;
  engine::Instant now_{};
  std::unique_ptr<Server> server_;
  std::vector<Client> clients_;
  std::size_t survival_ = 0;  // of a loss of power that is to come
  std::uint64_t decided_ = 0;
  std::uint64_t closings_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t hash_ = 0;
  std::uint64_t operations_ = 0;
};

}  // namespace rollcall::sim
