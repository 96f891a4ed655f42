// password_run.h: one run of a password_command, however many servers and workers wait for it.
#pragma once

#include <string>
#include <utility>

#include "proxy/worker.h"

namespace weir::proxy {

class PasswordRun final : public CommandUser {
 public:
  PasswordRun(Worker& worker, std::string command)
      : worker_(worker),
        command_(std::move(command)),
        running_(worker.world.run(command_, *this)) {}

  void on_output(Result<std::string> output) override {
    worker_.password_printed(command_, std::move(output));
  }

 private:
  Worker& worker_;
  const std::string command_;
  CommandPtr running_;
};

}  // namespace weir::proxy
