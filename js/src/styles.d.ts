declare module "jobs-jupyter:styles" {
  const css: string;
  export default css;
}
