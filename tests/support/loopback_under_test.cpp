#include <utility>

#include "tests/support/seeded_random.h"
#include "tests/support/transport_under_test.h"
#include "transport/loopback.h"

namespace rollcall::tests {
namespace {

class LoopbackClientUnderTest final : public ClientUnderTest {
 public:
  LoopbackClientUnderTest(transport::Loopback& loopback, const engine::HostAddress& from)
      : loopback_(loopback), client_(loopback.connect(from)) {
    look();
  }

  void send(std::string_view bytes) override {
    client_.send(bytes);
    look();
  }
  void half_close() override {
    client_.half_close();
    look();
  }
  void reset() override {
    client_.reset(transport::Direction::kToServer);
    look();
  }
  void stop_reading() override { client_.stop_reading(); }
  void read_on() override { client_.read_on(); }

  bool await_more() override {
    const std::size_t before = received_.size();
    const ClientState state_before = state_;
    look();
    return received_.size() > before || state_ != state_before;
  }

  void look() override {
    loopback_.settle();
    received_ += client_.take();
    state_ = client_.state();
  }

 private:
  transport::Loopback& loopback_;
  transport::LoopbackClient client_;
};

class LoopbackUnderTest final : public TransportUnderTest {
 public:
  explicit LoopbackUnderTest(const ServerOptions& options)
      : random_(options.seed),
        registry_(options.registry, random_),
        engine_(registry_, options.engine, random_, options.changes),
        loopback_(engine_, {.quiet = options.quiet,
                            .connections_max = options.connections_max,
                            .connections_per_host_max = options.connections_per_host_max,
                            .output_stall = options.output_stall,
                            .output_total_max = options.output_total_max}) {}

  std::unique_ptr<ClientUnderTest> connect(const engine::HostAddress& from) override {
    return std::make_unique<LoopbackClientUnderTest>(loopback_, from);
  }
  bool can_play(const engine::HostAddress&) const override { return true; }

  void pass(engine::Duration duration) override { loopback_.advance(duration); }
  bool has_exact_time() const override { return true; }

  void resolve(engine::Ticket up_to, engine::Verdict verdict) override {
    loopback_.resolve(up_to, verdict);
  }

  engine::EngineCounters counters() const override { return engine_.counters(); }
  std::size_t connections() const override { return loopback_.connections(); }

  void check_invariants() const override {
    loopback_.check_invariants();
    registry_.check_invariants();
  }

 private:
  SeededRandom random_;
  engine::Registry registry_;
  engine::Engine engine_;
  transport::Loopback loopback_;
};

}  // namespace

std::unique_ptr<TransportUnderTest> make_loopback(const ServerOptions& options) {
  return std::make_unique<LoopbackUnderTest>(options);
}

}  // namespace rollcall::tests
