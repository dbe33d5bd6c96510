// Waiting that is too short to notice gets no sign: a flash of grey on every fast start would be worse than none.

const patienceMilliseconds = 300;

/** `isOver` turns true once the calling component has lived for 0.3 seconds. */
export function patience(): { readonly isOver: boolean } {
  let isOver = $state(false);
  $effect(() => {
    const timer = setTimeout(() => (isOver = true), patienceMilliseconds);
    return () => {
      clearTimeout(timer);
    };
  });
  return {
    get isOver() {
      return isOver;
    },
  };
}
