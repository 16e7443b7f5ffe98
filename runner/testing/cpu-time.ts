/** CPU time of this process in milliseconds, which does not grow with the load of the machine as the clock does. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
