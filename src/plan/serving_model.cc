#include "plan/serving_model.h"

#include <algorithm>
#include <cmath>

namespace hadal {
namespace {

constexpr int kRounds = 60;

class Server {
 public:
  // `verified`: drafts that a step checks, of those that are proposed.
  Server(const Deployment& deployment, const Constants& constants, int verified)
      : d_(deployment),
        verified_(verified),
        yield_(verified == deployment.speculation.drafts
                   ? deployment.speculation.tokens_per_step
                   : golden_acceptance(deployment.speculation.kind, verified)),
        constants_(constants),
        youth_(youth_factor(constants, deployment.device.family, deployment.days)) {
    if (d_.engine.floor <= 0) youth_ = 1;
  }

  StepSetting setting(const Role& role) const {
    return {.model = d_.model,
            .device = d_.device,
            .constants = constants_,
            .weights = d_.weights,
            .spread = role.spread,
            .floor_factor = d_.engine.floor,
            .youth = youth_};
  }

  double share_of(Constant id) const { return constants_.get(id, d_.device.family); }

  // One step in which each attention copy decodes `sequences`.
  StepTime decode_step(const Role& role, double sequences, double context) const {
    // Stages of a pipeline work on different sequences at once.
    const double apart = std::min<double>(role.spread.pp, std::max(1.0, sequences));
    return step_time(setting(role), {.sequences = std::max(sequences / apart, 1e-9),
                                     .rows_per_sequence = 1.0 + verified_,
                                     .context = context,
                                     .drafts = static_cast<double>(d_.speculation.drafts)});
  }

  // A prompt of `rows` new tokens after `before`, on each of `copies` attention copies at once.
  StepTime prefill(const Role& role, double rows, double before, double copies) const {
    const double chunks = std::max(1.0, std::ceil(rows / d_.engine.chunk));
    StepTime time = step_time(setting(role), {.prefill_rows = rows / chunks,
                                              .prefill_context = before + rows / 2,
                                              .expert_rows = rows / chunks * copies});
    const double stages = role.spread.pp;
    const double factor = (chunks + stages - 1) / stages;
    for (double& seconds : time.seconds) seconds *= factor;
    return time;
  }

  // What a prompt adds to the steps that it shares with `sequences` of each copy.
  double mixed_extra(const Role& role, double sequences, double context, double rows, double before,
                     double copies) const {
    const double chunks = std::max(1.0, std::ceil(rows / d_.engine.chunk));
    const double apart = std::min<double>(role.spread.pp, std::max(1.0, sequences));
    const double decoding = std::max(sequences / apart, 1e-9);
    StepLoad load{.sequences = decoding,
                  .rows_per_sequence = 1.0 + verified_,
                  .context = context,
                  .drafts = static_cast<double>(d_.speculation.drafts)};
    const double without = step_time(setting(role), load).total();
    load.prefill_rows = rows / chunks;
    load.prefill_context = before + rows / 2;
    load.expert_rows =
        rows / chunks * copies + role.spread.dp * load.sequences * load.rows_per_sequence;
    return chunks * (step_time(setting(role), load).total() - without);
  }

  Prediction aggregated(const RequestShape& shape, double places) const {
    const Role& role = d_.serve;
    const double copies = role.spread.dp;
    const double own_places = std::max(1e-9, shape.busy * places / role.workers);
    const double fresh = std::max(1.0, shape.input * (1 - shape.hit));
    const double before = shape.input - fresh;
    const double context = shape.input + shape.output / 2;
    const double yield = yield_;
    const double held = room(role, shape) * copies;

    Prediction p;
    p.tpot_s = 0.02;
    p.ttft_s = 0.2;
    for (int round = 0; round < kRounds; ++round) {
      const double decoding = shape.output * p.tpot_s;
      double running = own_places * decoding / (decoding + p.ttft_s);
      p.memory_binds = running > held;
      running = std::min(running, held);
      p.decode = decode_step(role, running / copies, context);
      const double arrivals = running * yield / shape.output;  // in a step
      // A prompt of several chunks meets others in each of its steps.
      const double chunks = std::max(1.0, std::ceil(fresh / d_.engine.chunk));
      const double together = prefills_together(arrivals * chunks, copies, own_places);
      // What arrives within one step on the same copy shares its chunk.
      const double batched =
          std::clamp(arrivals / together, 1.0, std::max(1.0, d_.engine.chunk / fresh));
      p.prefill_parts = prefill(role, fresh * batched, before, together);
      double extra = p.prefill_parts.total();
      if (d_.engine.mixes) {
        extra = mixed_extra(role, running / copies, context, fresh * batched, before, together);
      }
      const double each = extra / (together * batched);
      const double step = p.decode.total() + arrivals * each;
      const double tpot = step / yield;
      const double rate = running / (shape.output * tpot);
      double ttft = p.prefill_parts.total() + p.decode.total() / 2 + (together - 1) / 2 / rate;
      // A tenth of a run's requests comes at once, and waits for half of the others.
      ttft += 0.1 * own_places / 2 * each;
      if (p.memory_binds) ttft = std::max(ttft, own_places / rate - shape.output * tpot);
      const bool settled =
          std::abs(tpot - p.tpot_s) < 1e-4 * tpot && std::abs(ttft - p.ttft_s) < 1e-3 * ttft;
      p.tpot_s += (tpot - p.tpot_s) * 0.6;
      p.ttft_s += (ttft - p.ttft_s) * 0.6;
      p.running = running;
      p.prefill_s = each;
      p.prefill_share = arrivals * each / step;
      p.step_s = p.decode.total();
      p.longest_gap_s = p.step_s + extra / chunks;
      if (settled) break;
    }
    p.requests_per_s = share_of(Constant::kSteadyShare) * role.workers *
                       std::min(own_places / (p.ttft_s + shape.output * p.tpot_s),
                                p.running / (shape.output * p.tpot_s));
    p.running *= role.workers;
    p.most_running = held * role.workers;
    return rates(p, shape);
  }

  Prediction disaggregated(const RequestShape& shape, double places) const {
    const Role& role = d_.serve;
    const Role& front = *d_.prefill;
    const double copies = role.spread.dp;
    const double fresh = std::max(1.0, shape.input * (1 - shape.hit));
    const double before = shape.input - fresh;
    const double context = shape.input + shape.output / 2;
    const double yield = yield_;
    const double held = room(role, shape) * copies * role.workers;

    Prediction p;
    const double batched = std::max(1.0, std::floor(d_.engine.chunk / fresh));
    p.prefill_parts = prefill(front, fresh * batched, before, front.spread.dp);
    p.prefill_s = p.prefill_parts.total() / (front.spread.dp * batched);
    const double alone = prefill(front, fresh, before, 1).total();
    const double capacity = front.workers / p.prefill_s;
    const auto tpot_of = [&](double running) {
      return decode_step(role, running / (copies * role.workers), context).total() / yield;
    };
    // Requests in the house when `running` decode.
    const auto house = [&](double running) {
      const double rate = running / (shape.output * tpot_of(running));
      const double load = rate / capacity;
      if (load >= 1) return 1e30;
      // Waiting at the front: between a queue of random arrivals and none.
      const double wait = alone + p.prefill_s / front.workers * load / (2 * (1 - load));
      return running + rate * (wait + transfer_seconds(shape.input));
    };
    double low = 0;
    double high = std::min(places * shape.busy, held);
    p.memory_binds = high < places * shape.busy && house(high) <= places * shape.busy;
    for (int round = 0; round < kRounds && !p.memory_binds; ++round) {
      const double middle = (low + high) / 2;
      (house(middle) > places * shape.busy ? high : low) = middle;
    }
    p.running = high;
    p.most_running = held;
    p.decode = decode_step(role, p.running / (copies * role.workers), context);
    p.step_s = p.decode.total();
    p.longest_gap_s = p.step_s;
    p.tpot_s = p.step_s / yield;
    const double rate = p.running / (shape.output * p.tpot_s);
    p.ttft_s = std::max(alone, places * shape.busy / rate - shape.output * p.tpot_s);
    p.prefill_share = rate / capacity;
    p.prefill_binds = p.prefill_share > 0.9;
    p.requests_per_s = rate * share_of(Constant::kSteadyShare);
    return rates(p, shape);
  }

  Prediction decoding(double context, double sequences) const {
    const Role& role = d_.serve;
    Prediction p;
    p.verified = verified_;
    p.tokens_per_step = yield_;
    p.running = sequences;
    p.decode = decode_step(role, sequences / (role.workers * role.spread.dp), context);
    p.step_s = p.decode.total();
    p.tpot_s = p.step_s / yield_;
    p.output_rate = sequences / p.tpot_s;
    p.total_rate = p.output_rate;
    return p;
  }

  // Prompts lie on different copies, as far as there are so many of either; all wait for the
  // fullest.
  double mixed_step(const MixedStep& step) const {
    const Role& role = d_.serve;
    const double copies = role.spread.dp * role.workers;
    const double apart = std::min<double>(role.spread.pp, std::max(1.0, step.decoding));
    StepLoad load{.sequences = std::max(step.decoding / (copies * apart), 1e-9),
                  .rows_per_sequence = 1.0 + verified_,
                  .context = step.context,
                  .drafts = static_cast<double>(d_.speculation.drafts)};
    if (step.prefill_rows > 0) {
      load.prefill_rows = step.prefill_rows / std::clamp(step.prompts, 1.0, copies);
      load.prefill_context = step.prefill_context;
      load.expert_rows = step.prefill_rows / role.workers +
                         role.spread.dp * load.sequences * load.rows_per_sequence;
    }
    return step_time(setting(role), load).total();
  }

  double prefill_alone(double tokens) const {
    return prefill(d_.prefill ? *d_.prefill : d_.serve, tokens, 0, 1).total();
  }

 private:
  // Sequences that one attention copy's memory holds.
  double room(const Role& role, const RequestShape& shape) const {
    if (d_.device.memory_bytes <= 0) return 1e9;
    const MemoryFit fit = deployment_fit(d_, role);
    // An engine that the catalogue says cannot hold the weights was run all the same: it had a way.
    return std::max(1.0, fit.sequences(d_.model, shape.input + shape.output / 2));
  }

  double prefills_together(double arrivals, double copies, double places) const {
    if (copies <= 1) return 1;
    const double by_chance = arrivals < 1e-6 ? 1 : arrivals / (1 - std::exp(-arrivals));
    const double gathered =
        d_.engine.gathers_prefills ? share_of(Constant::kGathering) * copies : 1;
    return std::clamp(std::max(by_chance, gathered), 1.0, std::min(copies, std::max(1.0, places)));
  }

  // Keys and state of a prompt over one network card.
  double transfer_seconds(double tokens) const {
    return d_.model.sequence_bytes(tokens) /
           (d_.device.scale_out_bytes * share_of(Constant::kCollectiveShare));
  }

  Prediction rates(Prediction p, const RequestShape& shape) const {
    p.verified = verified_;
    p.tokens_per_step = yield_;
    p.total_rate = p.requests_per_s * (shape.input + shape.output);
    p.output_rate = p.requests_per_s * shape.output;
    return p;
  }

  const Deployment& d_;
  int verified_;
  double yield_;
  const Constants& constants_;
  double youth_;
};

// DSpark's scheduler verifies as many drafts as pay at the load (paper, section 5): the best of
// them all is what it comes to. Where a measured yield is given, that decides.
template <typename Predict>
Prediction best_verified(const Deployment& deployment, const Predict& predict_with) {
  const AssumedSpeculation& speculation = deployment.speculation;
  Prediction best = predict_with(speculation.drafts);
  if (!speculation.adapts) return best;
  for (int verified = speculation.drafts - 1; verified >= 1; --verified) {
    Prediction trial = predict_with(verified);
    if (trial.total_rate <= best.total_rate) break;
    best = trial;
  }
  return best;
}

}  // namespace

Prediction predict(const Deployment& deployment, const Constants& constants,
                   const RequestShape& shape, double places) {
  return best_verified(deployment, [&](int verified) {
    const Server server(deployment, constants, verified);
    return deployment.prefill ? server.disaggregated(shape, places)
                              : server.aggregated(shape, places);
  });
}

Prediction predict_decode(const Deployment& deployment, const Constants& constants, double context,
                          double sequences) {
  return best_verified(deployment, [&](int verified) {
    const Server server(deployment, constants, verified);
    return server.decoding(context, sequences);
  });
}

double predict_step(const Deployment& deployment, const Constants& constants, int verified,
                    const MixedStep& step) {
  return Server(deployment, constants, verified).mixed_step(step);
}

double predict_prefill(const Deployment& deployment, const Constants& constants, double tokens) {
  return Server(deployment, constants, deployment.speculation.drafts).prefill_alone(tokens);
}

MemoryFit deployment_fit(const Deployment& deployment, const Role& role) {
  return memory_fit(deployment.model, deployment.weights, deployment.device, role.spread,
                    {.engine = deployment.engine,
                     .drafter = deployment.speculation.kind != AssumedDrafter::kNone});
}

MemoryFit deployment_fit(const Deployment& deployment) {
  const MemoryFit serving = deployment_fit(deployment, deployment.serve);
  if (!deployment.prefill) return serving;
  const MemoryFit prefilling = deployment_fit(deployment, *deployment.prefill);
  return prefilling.cache < serving.cache ? prefilling : serving;
}

}  // namespace hadal
