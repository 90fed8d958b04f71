/** Looking again while somebody looks: nothing is asked for in a hidden tab, and at most a tenth of the time. */

/**
 * Calls `look(holds)` again and again, first after `pause` ms; what it returns is the next pause. `holds()` is false
 * once a newer look has begun, so that an old answer replaces no newer one. What fails is tried again later: the lamp
 * tells of a gateway that is away. Gives a function that ends it, and `.now()` to look at once.
 */
export function looking(look, pause) {
  let timer = 0;
  let turn = 0;
  let over = false;
  const wait = (ms) => {
    clearTimeout(timer);
    if (!over) timer = setTimeout(run, ms);
  };
  async function run() {
    if (document.hidden) return document.addEventListener("visibilitychange", run, { once: true });
    const mine = ++turn;
    const began = performance.now();
    let next = pause;
    try {
      next = (await look(() => !over && mine === turn)) ?? pause;
    } catch (error) {
      console.debug("not looked:", error.message);
    }
    if (mine === turn) wait(Math.max(next, 10 * (performance.now() - began)));
  }
  wait(pause);
  const end = () => ((over = true), clearTimeout(timer), document.removeEventListener("visibilitychange", run));
  end.now = () => (clearTimeout(timer), run());
  return end;
}
