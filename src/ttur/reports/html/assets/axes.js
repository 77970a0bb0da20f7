// Scales, ticks and the numbers beside them.

function linearTicks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const ticks = [];
  for (let n = Math.ceil(low / step); n * step <= high * (1 + 1e-12); n += 1) ticks.push(n * step);
  return ticks;
}

function logTicks(low, high, count) {
  const ticks = [];
  const decades = Math.log10(high / low);
  const parts = decades > count ? [1] : decades > count / 3 ? [1, 3] : [1, 2, 5];
  const every = Math.max(1, Math.ceil(decades / count));
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    if (power % every) continue;
    for (const part of parts) {
      const value = part * 10 ** power;
      if (value >= low && value <= high) ticks.push(value);
    }
  }
  return ticks.length > 2 ? ticks : linearTicks(low, high, count);
}

// 120k of thousands, no more digits than a tick needs.
function tickText(value) {
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-3)) return value.toExponential(0).replace("e+", "e");
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(4)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(4)}k`;
  return size >= 1000 ? value.toLocaleString("en") : String(+value.toPrecision(4));
}

function numberText(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(+value.toPrecision(4));
}

// From values to pixels: `at` one way, `of` back.
function scale(low, high, from, to, isLog) {
  const f = isLog ? Math.log : (value) => value;
  const [a, b] = [f(low), f(high)];
  const span = b - a || 1;
  return {
    at: (value) => from + ((f(value) - a) / span) * (to - from),
    of: (pixel) => {
      const value = a + ((pixel - from) / (to - from)) * span;
      return isLog ? Math.exp(value) : value;
    },
  };
}
