const start = /^Traceback \(most recent call last\):/;
const joint = /^(During handling of the above exception|The above exception was the direct cause)/;

/** Lines of a log without Python tracebacks. The error message has their cause. */
export function withoutTracebacks(lines: readonly string[]): readonly string[] {
  let inside = false;
  return lines.filter((line) => {
    if (start.test(line) || joint.test(line)) {
      inside = start.test(line);
      return false;
    }
    if (!inside) return true;
    inside = /^\s/.test(line);
    return false;
  });
}
